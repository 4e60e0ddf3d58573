package engine

import "github.com/gonbd/gonbd/internal/wire"

// Export is what the server told about an export.
type Export struct {
	Size        uint64 // in bytes
	Flags       wire.TransmissionFlags
	Name        string // the server's canonical name; "" if it told none
	Description string
	HasName     bool
	HasDesc     bool

	// BlockSize is what the server demands; all zero if it told nothing, or
	// nothing valid.
	BlockSize wire.BlockSize

	// Warnings tell of what the server said and the client ignored.
	Warnings []string
}

// MetaContext is a metadata context that the server selected.
type MetaContext struct {
	ID   uint32
	Name string
}

// Stats counts what went over the connection. A chunk is a message of the
// protocol: a greeting, an option, a command, a reply to one
// (nbd_stats_chunks_sent(3)).
type Stats struct {
	BytesSent, ChunksSent         uint64
	BytesReceived, ChunksReceived uint64
}
