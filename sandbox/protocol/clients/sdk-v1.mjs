// The first TypeScript SDK, which most hosts are built on.
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { fail, parse, print } from './common.mjs'

const { tool, toolArguments, command, args, env } = parse()

const client = new Client({ name: 'sdk-v1', version: '1' }, { capabilities: {} })
client.onerror = fail
await client.connect(new StdioClientTransport({ command, args, env }))
const { tools } = await client.listTools()
const result = await client.callTool({ name: tool, arguments: toolArguments })
print({ client: 'sdk-v1', tools: tools.map((t) => t.name), result })
await client.close()
