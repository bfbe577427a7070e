// The OpenAI Agents SDK's MCP client. Listing and calling need no key.
import { MCPServerStdio } from '@openai/agents'
import { parse, print } from './common.mjs'

const { tool, toolArguments, command, args, env } = parse()

const server = new MCPServerStdio({ name: 'payops', command, args, env })
await server.connect()
const tools = await server.listTools()
const content = await server.callTool(tool, toolArguments)
print({ client: 'openai-agents', tools: tools.map((t) => t.name), result: { content } })
await server.close()
