// One MCP server as a child process, spoken to in raw JSON-RPC lines, so that nothing a client library
// would forgive stays unseen.
import { spawn } from 'node:child_process'

const DEFAULT_TIMEOUT_MS = 5_000

export class Session {
  messages = [] // every JSON-RPC message from stdout
  junk = [] // every other line from stdout
  stderr = ''
  exit = null // { code, signal, at } once the process has ended
  startedAt = Date.now()

  #child
  #watchers = new Set()
  #rest = ''

  constructor(command, args) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.stdin.on('error', () => {}) // a server that has gone is reported by its exit
    this.#child.stdout.setEncoding('utf8').on('data', (chunk) => this.#read(chunk))
    this.#child.stderr.setEncoding('utf8').on('data', (chunk) => (this.stderr += chunk))
    this.#child.on('error', (cause) => {
      this.stderr += `cannot start: ${cause.message}`
      this.#ended(null, null)
    })
    this.#child.on('exit', (code, signal) => this.#ended(code, signal))
  }

  /** Sends a request and waits for its answer: the whole message, or null when none came in time. */
  request(id, method, params = {}, timeoutMs = DEFAULT_TIMEOUT_MS) {
    this.#send({ id, method, params })
    return this.until(() => this.messages.find((m) => m.id === id && !m.method), timeoutMs)
  }

  notify(method, params) {
    this.#send({ method, params })
  }

  /** Writes one line as it is, whatever it is. */
  writeLine(line) {
    this.#child.stdin.write(line + '\n')
  }

  closeInput() {
    this.#child.stdin.end()
  }

  kill(signal) {
    this.#child.kill(signal)
  }

  /** Waits until condition() gives something true, and returns it; null when time ran out or the server ended without it. */
  until(condition, timeoutMs = DEFAULT_TIMEOUT_MS) {
    return new Promise((resolve) => {
      const finish = (value) => {
        clearTimeout(timer)
        this.#watchers.delete(watch)
        resolve(value)
      }
      const watch = () => {
        const value = condition()
        if (value) finish(value)
        else if (this.exit) finish(null)
      }
      const timer = setTimeout(() => finish(null), timeoutMs)
      this.#watchers.add(watch)
      watch()
    })
  }

  #send(message) {
    this.writeLine(JSON.stringify({ jsonrpc: '2.0', ...message }))
  }

  #read(chunk) {
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop()
    for (const line of lines) {
      const message = parse(line)
      if (message?.jsonrpc === '2.0') this.messages.push(message)
      else this.junk.push(line.slice(0, 80))
    }
    this.#wake()
  }

  #ended(code, signal) {
    this.exit = { code, signal, at: Date.now() }
    this.#wake()
  }

  #wake() {
    for (const watch of [...this.#watchers]) watch()
  }
}

function parse(line) {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
