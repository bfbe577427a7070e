// The AI SDK's MCP client.
import { createMCPClient } from '@ai-sdk/mcp'
import { Experimental_StdioMCPTransport as StdioTransport } from '@ai-sdk/mcp/mcp-stdio'
import { parse, print } from './common.mjs'

const { tool, toolArguments, command, args, env } = parse()

const client = await createMCPClient({ transport: new StdioTransport({ command, args, env }) })
const tools = await client.tools()
const result = await tools[tool].execute(toolArguments, { messages: [], toolCallId: 'call-1' })
print({ client: 'ai-sdk', tools: Object.keys(tools), result })
await client.close()
