// Package protocol proves on the built servers that they are good MCP servers.
// It has nothing but tests:
//
//   - checker holds a checker without dependencies that speaks raw JSON-RPC
//     over stdio and looks at what hosts demand: stdout, start-up, both
//     protocol eras, tool definitions, mistakes, broken input, the end.
//     It runs by hand too: node checker/check.mjs -- <server>
//   - clients holds one script for each of five real clients that hosts are
//     built on, with exact versions. They need the payment system of
//     scripts/test to have something to call for.
//   - the tests on silent systems start servers whose every system takes
//     connections and never answers.
//
// Node comes with the clients where it can (clients/package.json), else from
// PATH. What is missing is skipped with its reason, and under CI fails.
package protocol
