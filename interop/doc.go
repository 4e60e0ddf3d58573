// Package interop has no code: its tests run the client, the server and the
// tools against real programs, the machine's own and the newest ones
// (package peers).
package interop
