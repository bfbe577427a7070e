// The second TypeScript SDK, in each of the three ways it can settle on a protocol.
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { fail, parse, print } from './common.mjs'

const { tool, toolArguments, command, args, env } = parse()

for (const mode of ['legacy', 'auto', { pin: '2026-07-28' }]) {
  const client = new Client({ name: 'client-v2', version: '1' }, { capabilities: {}, versionNegotiation: { mode } })
  client.onerror = fail
  await client.connect(new StdioClientTransport({ command, args, env }))
  const { tools } = await client.listTools()
  const result = await client.callTool({ name: tool, arguments: toolArguments })
  print({
    client: `client-v2 ${mode.pin ? 'pinned' : mode}`,
    protocol: client.getNegotiatedProtocolVersion(),
    tools: tools.map((t) => t.name),
    result,
  })
  await client.close()
}
