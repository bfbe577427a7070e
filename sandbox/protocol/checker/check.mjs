#!/usr/bin/env node
// Checks an MCP server over stdio for what hosts demand of it. No dependencies; Node 20 or newer.
//
//   node check.mjs [--json] -- <server> [args...]
//
// Looked at: nothing but JSON-RPC on stdout, time to the first answer, both protocol eras (initialize of
// 2025-11-25, server/discover of 2026-07-28), the size and form of the tool definitions, how mistakes are
// answered, broken and huge input, many calls at once, two instances at once, and a clean end.
// Every finding has a level: ERROR (exit code 1), WARN, info or ok.
import { Session } from './session.mjs'

const LIMITS = {
  toolName: 64, // the Claude API's
  description: 1024, // Claude Desktop dropped tools with longer ones
  descriptionHard: 2048, // Claude Code cuts here
  instructions: 2048, // Claude Code cuts here
  inputSchemaBytes: 16_384, // claude.ai drops larger ones
  responseMetaBytes: 1024, // sent with every answer of 2026-07-28
  initializeMs: 1_000, // Claude Desktop on Windows gives up at 5 s
  callMs: 40_000, // a tool's own deadline is 30 s
  exitMs: 3_000,
}
const LEGACY = '2025-11-25'
const MODERN = '2026-07-28'
const CLIENT = { name: 'payops-protocol-check', version: '1' }
const MODERN_META = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': CLIENT,
}
const HUGE_LINE_BYTES = 10 * 1024 * 1024
const CALLS_AT_ONCE = 32

const findings = []
const report = (level, subject, message) => findings.push({ level, subject, message })
const judge = (good, badLevel, subject, message) => report(good ? 'ok' : badLevel, subject, message)
const brief = (value, length = 120) => String(typeof value === 'string' ? value : JSON.stringify(value)).slice(0, length)

const options = process.argv.slice(2)
const separator = options.indexOf('--')
const [command, ...args] = separator < 0 ? [] : options.slice(separator + 1)
if (!command) {
  console.error('usage: node check.mjs [--json] -- <server> [args...]')
  process.exit(2)
}
const open = () => new Session(command, args)

await checkServer()
print()
process.exitCode = count('ERROR') > 0 ? 1 : 0

async function checkServer() {
  const session = open()
  const hello = await checkInitialize(session)
  if (!hello) {
    session.kill('SIGKILL')
    return
  }
  const tools = await listTools(session)
  checkCatalogueSize(tools)
  for (const tool of tools) {
    checkTool(tool)
  }
  await checkUnknownTool(session)
  await checkUnknownArguments(session, tools)
  await checkManyCalls(session, tools)
  await checkBrokenInput(session)
  await checkEndOfInput(session)
  checkStdout(session, 'stdout')
  await checkModernEra(hello.instructions ?? '', tools)
}

async function checkInitialize(session) {
  const answer = await session.request('initialize', 'initialize', {
    protocolVersion: LEGACY,
    capabilities: {},
    clientInfo: CLIENT,
  })
  if (!answer?.result) {
    report('ERROR', 'initialize', `no result; stderr: ${brief(session.stderr, 300)}`)
    return null
  }
  const took = Date.now() - session.startedAt
  judge(took <= LIMITS.initializeMs, 'WARN', 'startup', `initialize answered after ${took} ms`)
  session.notify('notifications/initialized')

  const hello = answer.result
  judge(hello.protocolVersion === LEGACY, 'WARN', 'version', `negotiated ${hello.protocolVersion}`)
  checkInstructions(hello.instructions ?? '')
  for (const field of ['title', 'description', 'websiteUrl']) {
    if (!hello.serverInfo[field]) report('WARN', 'serverInfo', `no ${field}`)
  }
  return hello
}

function checkInstructions(text) {
  const message = `${text.length} characters; Claude Code cuts at ${LIMITS.instructions} and shows only names and these before a tool is searched for`
  if (text === '') report('WARN', 'instructions', message)
  else judge(text.length <= LIMITS.instructions, 'ERROR', 'instructions', message)
}

async function listTools(session) {
  const tools = []
  let cursor
  do {
    const answer = await session.request(`tools/list ${cursor ?? ''}`, 'tools/list', cursor ? { cursor } : {})
    if (!answer?.result) {
      report('ERROR', 'tools/list', answer ? brief(answer.error) : 'no answer; a schema that cannot be marshalled hangs mcp-go')
      break
    }
    tools.push(...answer.result.tools)
    cursor = answer.result.nextCursor
    if (cursor) report('WARN', 'pagination', 'tools/list has pages; several clients read only the first')
  } while (cursor)
  return tools
}

function checkCatalogueSize(tools) {
  const bytes = Buffer.byteLength(JSON.stringify(tools))
  judge(tools.length > 0, 'ERROR', 'catalogue', `${tools.length} tools, ${bytes} bytes of definitions (about ${Math.round(bytes / 4)} tokens)`)
}

function checkTool(tool) {
  const complain = (level, message) => report(level, tool.name, message)

  if (!/^[a-zA-Z0-9_-]+$/.test(tool.name) || tool.name.length > LIMITS.toolName) {
    complain('ERROR', `name must match ^[a-zA-Z0-9_-]{1,${LIMITS.toolName}}$`)
  }
  const length = (tool.description ?? '').length
  if (length === 0) complain('ERROR', 'no description')
  else if (length > LIMITS.descriptionHard) complain('ERROR', `description of ${length} characters, over ${LIMITS.descriptionHard}`)
  else if (length > LIMITS.description) complain('WARN', `description of ${length} characters, over ${LIMITS.description}`)
  if (!tool.title && !tool.annotations?.title) complain('ERROR', 'no title; the connectors directory requires one')

  checkAnnotations(tool.annotations ?? {}, complain)
  checkInputSchema(tool.inputSchema, complain)
  for (const which of ['inputSchema', 'outputSchema']) {
    checkPortability(tool[which], which, complain)
  }
}

function checkAnnotations(annotations, complain) {
  for (const hint of ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint']) {
    if (typeof annotations[hint] !== 'boolean') complain('ERROR', `annotation missing: ${hint}`)
  }
  if (annotations.readOnlyHint && annotations.destructiveHint) {
    complain('ERROR', 'readOnlyHint and destructiveHint are both true; mcp.NewTool sets destructiveHint by default')
  }
}

function checkInputSchema(schema, complain) {
  if (schema?.type !== 'object') complain('ERROR', 'inputSchema.type is not object')
  const bytes = Buffer.byteLength(JSON.stringify(schema ?? null))
  if (bytes > LIMITS.inputSchemaBytes) complain('ERROR', `inputSchema of ${bytes} bytes, over ${LIMITS.inputSchemaBytes}`)
  for (const keyword of ['anyOf', 'oneOf', 'allOf']) {
    if (schema?.[keyword]) complain('ERROR', `${keyword} at the root is rejected by the Claude API`)
  }
  if (schema?.additionalProperties !== false) complain('WARN', 'inputSchema does not set additionalProperties: false')
  for (const [name, property] of Object.entries(schema?.properties ?? {})) {
    if (!property.description) complain('ERROR', `parameter ${name} has no description`)
  }
}

function checkPortability(node, path, complain) {
  if (!node || typeof node !== 'object') return
  if (Array.isArray(node.type)) complain('WARN', `${path}: type is a list ${JSON.stringify(node.type)}, which not every client reads`)
  if (node.$ref && !String(node.$ref).startsWith('#')) complain('ERROR', `${path}: $ref leads outside`)
  for (const key in node) {
    checkPortability(node[key], `${path}/${key}`, complain)
  }
}

async function checkUnknownTool(session) {
  const answer = await session.request('unknown tool', 'tools/call', { name: 'no_such_tool_', arguments: {} })
  judge(answer?.error?.code === -32602, 'WARN', 'unknown tool', brief(answer?.error ?? answer?.result ?? 'no answer'))
}

// Calls are made to read-only tools alone, and with an argument that they refuse before any system is asked.
function readOnly(tools) {
  return tools.filter((tool) => tool.annotations?.readOnlyHint)
}

function unknownArgument(tool) {
  return { name: tool.name, arguments: { __bogus__: 1 } }
}

async function checkUnknownArguments(session, tools) {
  for (const tool of readOnly(tools)) {
    const answer = await session.request(`bogus ${tool.name}`, 'tools/call', unknownArgument(tool), LIMITS.callMs)
    const text = answer?.result?.content?.[0]?.text ?? ''
    if (!answer) report('ERROR', tool.name, 'no answer to a call with an unknown argument')
    else if (answer.error) report('ERROR', tool.name, `an unknown argument gives a protocol error, not isError: ${brief(answer.error.message)}`)
    else if (!answer.result.isError) report('WARN', tool.name, 'an unknown argument is silently accepted')
    else if (/&\{|0x[0-9a-f]{6}|goroutine/.test(text)) report('WARN', tool.name, `the error text shows Go internals: ${brief(text)}`)
    else report('ok', tool.name, `unknown argument: ${brief(text)}`)
  }
}

async function checkManyCalls(session, tools) {
  const candidates = readOnly(tools)
  if (candidates.length === 0) return
  const answers = await Promise.all(
    Array.from({ length: CALLS_AT_ONCE }, (_, i) =>
      session.request(`many ${i}`, 'tools/call', unknownArgument(candidates[i % candidates.length]), LIMITS.callMs),
    ),
  )
  const answered = answers.filter((answer) => answer?.result).length
  judge(answered === CALLS_AT_ONCE, 'ERROR', 'many calls', `${answered} of ${CALLS_AT_ONCE} calls sent at once were answered`)
}

async function checkBrokenInput(session) {
  const lines = {
    garbage: '\u0000 not json {{{',
    'empty line': '',
    'JSON that is no JSON-RPC': '[1,2,3]',
    'unfinished JSON': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{',
    '10 MB of garbage': 'x'.repeat(HUGE_LINE_BYTES),
    '10 MB of JSON': JSON.stringify({
      jsonrpc: '2.0',
      id: 'huge',
      method: 'tools/call',
      params: { name: 'no_such_tool_', arguments: { blob: 'x'.repeat(HUGE_LINE_BYTES) } },
    }),
  }
  for (const [name, line] of Object.entries(lines)) {
    session.writeLine(line)
    const answer = await session.request(`after ${name}`, 'ping')
    judge(answer?.result, 'ERROR', 'broken input', answer ? `after ${name}, ping is answered` : `after ${name}, ping is not answered`)
    if (!answer) return
  }
}

async function checkEndOfInput(session) {
  const closedAt = Date.now()
  session.closeInput()
  const ended = await session.until(() => session.exit, LIMITS.exitMs)
  judge(ended?.code === 0, 'ERROR', 'end of input', ended ? `exit code ${ended.code ?? ended.signal} after ${ended.at - closedAt} ms` : 'still running')
  if (!ended) session.kill('SIGKILL')
}

function checkStdout(session, subject) {
  judge(
    session.junk.length === 0,
    'ERROR',
    subject,
    session.junk.length === 0 ? 'nothing but JSON-RPC' : `not JSON-RPC: ${brief(session.junk[0])}`,
  )
}

// Claude Desktop and Claude Code start a second process to find out the era, so two run at the same time,
// and neither sees initialize.
async function checkModernEra(legacyInstructions, legacyTools) {
  const [first, second] = [open(), open()]

  const discovered = await first.request('discover', 'server/discover', { _meta: MODERN_META })
  const versions = discovered?.result?.supportedVersions
  judge(versions?.includes(MODERN), 'ERROR', 'server/discover', brief(versions ?? discovered?.error ?? 'no answer'))
  if (discovered?.result && (discovered.result.instructions ?? '') !== legacyInstructions) {
    report('ERROR', 'server/discover', 'instructions differ from those of initialize')
  }

  const listed = await second.request(1, 'tools/list', { _meta: MODERN_META })
  judge(
    listed?.result?.tools?.length === legacyTools.length,
    'ERROR',
    'two instances',
    `a second instance lists ${listed?.result?.tools?.length ?? 'no'} tools without initialize, ${legacyTools.length} expected`,
  )
  if (listed?.result && listed.result.ttlMs === undefined) report('WARN', 'cache hints', 'no ttlMs and cacheScope on tools/list')
  const metaBytes = Buffer.byteLength(JSON.stringify(listed?.result?._meta ?? {}))
  judge(metaBytes <= LIMITS.responseMetaBytes, 'WARN', 'serverInfo size', `${metaBytes} bytes of _meta on every answer of ${MODERN}`)

  for (const session of [first, second]) {
    await checkTermination(session)
    checkStdout(session, `stdout, ${MODERN}`)
  }
}

async function checkTermination(session) {
  const sentAt = Date.now()
  session.kill('SIGTERM')
  const ended = await session.until(() => session.exit, LIMITS.exitMs)
  if (!ended) {
    report('ERROR', 'SIGTERM', 'still running')
    session.kill('SIGKILL')
    return
  }
  const clean = [0, 128 + 15].includes(ended.code) || ended.signal === 'SIGTERM'
  judge(clean, 'WARN', 'SIGTERM', `exit ${ended.code ?? ended.signal} after ${ended.at - sentAt} ms`)
}

function count(level) {
  return findings.filter((finding) => finding.level === level).length
}

function print() {
  if (options.slice(0, separator).includes('--json')) {
    console.log(JSON.stringify(findings))
    return
  }
  for (const { level, subject, message } of findings) {
    console.log(level.padEnd(5), subject.padEnd(18), message)
  }
  console.log(`\n${count('ERROR')} errors, ${count('WARN')} warnings`)
}
