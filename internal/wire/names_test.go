package wire

import (
	"fmt"
	"testing"
)

func TestNames(t *testing.T) {
	tests := []struct {
		value fmt.Stringer
		want  string
	}{
		{OptExportName, "NBD_OPT_EXPORT_NAME"},
		{OptAbort, "NBD_OPT_ABORT"},
		{OptPeekExport, "NBD_OPT_PEEK_EXPORT"},
		{OptExtendedHeaders, "NBD_OPT_EXTENDED_HEADERS"},
		{Option(0), "option 0"},
		{Option(12), "option 12"},
		{Option(1<<32 - 1), "option 4294967295"},
		{RepAck, "NBD_REP_ACK"},
		{RepMetaContext, "NBD_REP_META_CONTEXT"},
		{Rep(0), "reply type 0x0"},
		{Rep(5), "reply type 0x5"},
		{RepErrUnsup, "NBD_REP_ERR_UNSUP"},
		{RepErrExtHeaderReqd, "NBD_REP_ERR_EXT_HEADER_REQD"},
		{Rep(1 << 31), "reply type 0x80000000"},
		{Rep(1<<31 + 11), "reply type 0x8000000b"},
		{InfoExport, "NBD_INFO_EXPORT"},
		{InfoName, "NBD_INFO_NAME"},
		{InfoDescription, "NBD_INFO_DESCRIPTION"},
		{InfoBlockSize, "NBD_INFO_BLOCK_SIZE"},
		{Info(4), "information type 4"},
		{CmdRead, "NBD_CMD_READ"},
		{CmdBlockStatus, "NBD_CMD_BLOCK_STATUS"},
		{Command(8), "command 8"},
		{ReplyNone, "NBD_REPLY_TYPE_NONE"},
		{ReplyOffsetData, "NBD_REPLY_TYPE_OFFSET_DATA"},
		{ReplyOffsetHole, "NBD_REPLY_TYPE_OFFSET_HOLE"},
		{ReplyBlockStatus, "NBD_REPLY_TYPE_BLOCK_STATUS"},
		{ReplyBlockStatusExt, "NBD_REPLY_TYPE_BLOCK_STATUS_EXT"},
		{ReplyError, "NBD_REPLY_TYPE_ERROR"},
		{ReplyErrorOffset, "NBD_REPLY_TYPE_ERROR_OFFSET"},
		{ReplyType(3), "chunk type 3"},
		{ReplyType(1<<15 + 3), "chunk type 32771"},
	}
	for _, tt := range tests {
		if got := tt.value.String(); got != tt.want {
			t.Errorf("%T(%d) is called %q, want %q", tt.value, tt.value, got, tt.want)
		}
	}
}

func TestErrorName(t *testing.T) {
	tests := map[uint32]string{1: "NBD_EPERM", 5: "NBD_EIO", 12: "NBD_ENOMEM", 22: "NBD_EINVAL", 28: "NBD_ENOSPC", 75: "NBD_EOVERFLOW",
		95: "NBD_ENOTSUP", 108: "NBD_ESHUTDOWN", 0: "error 0", 1<<32 - 1: "error 4294967295"}
	for n, want := range tests {
		if got := ErrorName(n); got != want {
			t.Errorf("ErrorName(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestIsError(t *testing.T) {
	for r, want := range map[Rep]bool{RepAck: false, RepErrUnsup: true, 1<<31 + 99: true, 1<<31 - 1: false} {
		if r.IsError() != want {
			t.Errorf("Rep %#x: IsError is %v", uint32(r), !want)
		}
	}
	for r, want := range map[ReplyType]bool{ReplyNone: false, ReplyError: true, 1<<15 + 99: true, 1<<15 - 1: false} {
		if r.IsError() != want {
			t.Errorf("ReplyType %#x: IsError is %v", uint16(r), !want)
		}
	}
}
