// What the client scripts share: their command line and the form of what they print.
//
//   node <client>.mjs <tool> '<arguments as JSON>' -- <server> [args...]
//
// A client lists the tools, calls the one named, and prints one line of JSON for each way it can speak:
//
//   client      its name
//   protocol    the version agreed on, where the client tells
//   tools       the names listed
//   text        what a host gives its model that reads the content
//   structured  what a host gives its model that reads structuredContent, where the client hands it out
//
// It exits with another code than 0 when anything was not as it should be, an answer with isError included.

export function parse() {
  const [tool, json, separator, command, ...args] = process.argv.slice(2)
  if (separator !== '--' || !command) {
    throw new Error("usage: node <client>.mjs <tool> '<arguments as JSON>' -- <server> [args...]")
  }
  return { tool, toolArguments: JSON.parse(json), command, args, env: { ...process.env } }
}

/** Prints the line for one call; result is what MCP calls a CallToolResult. */
export function print({ client, protocol, tools, result }) {
  const text = result.content.map((block) => block.text ?? `[${block.type}]`).join('\n')
  console.log(JSON.stringify({ client, protocol, tools, text, structured: result.structuredContent }))
  if (result.isError) {
    fail(new Error(`isError: ${text}`))
  }
}

/** Reports what a client calls an error outside of any call, such as a line on stdout that it cannot read. */
export function fail(error) {
  console.error('onerror:', error.message)
  process.exitCode = 1
}
