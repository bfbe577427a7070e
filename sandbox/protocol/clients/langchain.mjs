// LangChain's adapters, which turn the tools of a server into LangChain tools.
import { MultiServerMCPClient } from '@langchain/mcp-adapters'
import { parse, print } from './common.mjs'

const { tool, toolArguments, command, args, env } = parse()

const client = new MultiServerMCPClient({
  mcpServers: { payops: { transport: 'stdio', command, args, env } },
  useStandardContentBlocks: true,
})
const tools = await client.getTools()
// invoke throws on isError, and gives a list of blocks only when there is more than one.
const blocks = [await tools.find((t) => t.name === tool).invoke(toolArguments)].flat()
print({
  client: 'langchain',
  tools: tools.map((t) => t.name),
  result: { content: blocks, structuredContent: blocks[0].structuredContent },
})
await client.close()
