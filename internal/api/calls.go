package api

import "slices"

// Version is the version of libnbd that the API is of.
const Version = "1.24"

// Calls is every call, in the order of libnbd.h.
var Calls = slices.Concat(handleCalls, configCalls, tlsCalls, handshakeCalls, optionCalls, connectCalls, exportCalls, syncCalls, aioCalls, loopCalls, aboutCalls, newerCalls)

// SymbolVersions are the versions of symbols in the C library, oldest first.
// Some have no symbol of their own.
var SymbolVersions = []string{
	"LIBNBD_1.0",
	"LIBNBD_1.2",
	"LIBNBD_1.4",
	"LIBNBD_1.6",
	"LIBNBD_1.8",
	"LIBNBD_1.10",
	"LIBNBD_1.12",
	"LIBNBD_1.14",
	"LIBNBD_1.16",
	"LIBNBD_1.18",
	"LIBNBD_1.20",
	"LIBNBD_1.22",
	"LIBNBD_1.24",
}
