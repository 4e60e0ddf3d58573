// Package api is the one table of all calls of libnbd: what each is called,
// takes, gives, permits and means. From it the generator of internal/gen makes
// the Go methods, the C library's header and shim, and the manual pages.
//
// It is data: it never does anything, and no program that a user runs imports
// it.
package api

// Call is one function of the API.
type Call struct {
	// Name is the name of the C function without "nbd_": "aio_pread".
	Name string

	// Args are the parameters that follow the handle.
	Args []Arg

	// Optional are those parameters at the end of the C function's list that
	// other languages let their users leave out: completion callbacks, then
	// flags.
	Optional []Arg

	Result Result

	// NoHandle is set where the first parameter is not the handle.
	NoHandle bool

	// States are the states in which the call is permitted: 0 means all.
	States States

	// Flags are the names of the constants that the flags parameter
	// accepts, without "LIBNBD_"; strict modes may let others pass.
	Flags []string

	// MayFail is unset where the call cannot fail.
	MayFail bool

	// Since is the first version of libnbd that had the call, "1.0"; Symbol
	// is the version of the C symbol, "LIBNBD_1.0". A call that is newer than
	// the version which the C library is compatible with has no Symbol.
	Since, Symbol string
}

// Doc is what there is to say about a call.
type Doc struct {
	// Short completes "nbd_NAME - ": a few words in lower case, no period.
	Short string

	// Long is the description: paragraphs separated by empty lines. In it,
	// {code} stands in braces, nbd_pread(3) refers to a call, a line that
	// begins with "- " is an item of a list, and lines that begin with a tab
	// are shown as they are.
	Long string

	// SeeAlso names related calls, without "nbd_".
	SeeAlso []string

	// Example is a piece of C, or "".
	Example string
}

// Doc gives what there is to say about the call.
func (c *Call) Doc() Doc { return docs[c.Name] }

// Arg is a parameter.
type Arg struct {
	Name string
	Kind Kind

	// Of names the enumeration or set of flags of KindEnum and KindFlags, and
	// the callback of KindCallback: "size", "cmd_flag", "completion".
	Of string

	// Null is set where the C function accepts a null pointer.
	Null bool
}

// Kind is the kind of a parameter.
type Kind uint8

// Kinds of parameters. In brackets is the C type, where it isn't the same in
// every case.
const (
	KindBool       Kind = iota + 1
	KindInt             // [int]
	KindUint32          // [uint32_t]
	KindUint64          // [uint64_t]
	KindSize            // an index or count [size_t]
	KindUintptr         // [uintptr_t]
	KindString          // [const char *]
	KindPath            // the path of a file or socket [const char *]
	KindStringList      // [char **, ends with NULL]
	KindFD              // a file descriptor [int]
	KindBufOut          // filled before the call returns [void *buf, size_t count]
	KindBufIn           // read before the call returns [const void *buf, size_t count]
	KindAioBufOut       // filled until the command is completed [as KindBufOut]
	KindAioBufIn        // read until the command is completed [as KindBufIn]
	KindSockaddr        // [const struct sockaddr *addr, socklen_t addrlen]
	KindEnum            // [int]
	KindFlags           // [uint32_t]
	KindCallback        // [struct by value]
)

// Result is what a call gives.
type Result struct {
	Kind ResultKind

	// Of names the enumeration or set of flags of ResultEnum and ResultFlags.
	Of string
}

// ResultKind is the kind of a result.
type ResultKind uint8

// Kinds of results. In brackets are the C type and what it says of a failure.
const (
	ResultVoid    ResultKind = iota
	ResultHandle             // [struct nbd_handle *; NULL]
	ResultErr                // [int 0; -1]
	ResultBool               // [int 0 or 1; -1]
	ResultInt                // [int ≥ 0; -1]
	ResultInt64              // [int64_t ≥ 0; -1]
	ResultCookie             // [int64_t ≥ 1; -1]
	ResultSize               // [ssize_t ≥ 0; -1]
	ResultUint               // [unsigned; cannot fail]
	ResultUint64             // [uint64_t; cannot fail]
	ResultUintptr            // [uintptr_t; cannot fail]
	ResultFD                 // [int; -1]
	ResultErrno              // [int]
	ResultString             // the caller frees it [char *; NULL]
	ResultStatic             // nobody frees it [const char *; NULL]
	ResultEnum               // [int]
	ResultFlags              // [uint32_t]
)

// States is a set of handle states, as libnbd(3) divides them.
type States uint8

// States of a handle. Connected is ready and processing.
const (
	Created States = 1 << iota
	Connecting
	Negotiating
	Connected
	Closed
	Dead
)

// Constant is a constant of the API.
type Constant struct {
	// Name is the C name without "LIBNBD_".
	Name string
	// Group names the enumeration or set of flags it is a part of, or "".
	Group string
	// Value is in C syntax: "0x01U", "3", "\"base:\"".
	Value string
	// Doc says in a sentence what it means.
	Doc string
}

// Group is an enumeration or a set of flags.
type Group struct {
	Name string // "cmd_flag"
	Go   string // the Go type: "CmdFlag"; "" for constants without a type
	// Base is the Go type under it: "uint32" or "int".
	Base string
	// Flags says that values may be combined.
	Flags bool
	Doc   string
}

// Callback is a type of function that a caller passes.
type Callback struct {
	Name string // "chunk": nbd_chunk_callback in C, ChunkCallback in Go
	// Args are the parameters in C behind user_data: "const void *subbuf".
	Args []string
	Doc  string
}
