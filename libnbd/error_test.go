//go:build linux

package libnbd

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/handle"
	"github.com/gonbd/gonbd/internal/nbderr"
)

func TestErrorText(t *testing.T) {
	tests := []struct {
		err  LibnbdError
		want string
	}{
		{LibnbdError{Op: "pread", Errmsg: "nbd_pread: read: command failed: Input/output error", Errno: syscall.EIO},
			"pread: nbd_pread: read: command failed: Input/output error"},
		{LibnbdError{Op: "pread", Errmsg: "nbd_pread: read: command failed", Errno: syscall.EIO},
			"pread: nbd_pread: read: command failed: Input/output error"},
		{LibnbdError{Op: "pread", Errmsg: "nbd_pread: no number"}, "pread: nbd_pread: no number"},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("Error gives %q, want %q", got, tt.want)
		}
		if got := tt.err.String(); got != tt.want {
			t.Errorf("String gives %q, want %q", got, tt.want)
		}
		if got, want := errors.Is(&tt.err, syscall.EIO), tt.err.Errno != 0; got != want {
			t.Errorf("%v counts as EIO: %t, want %t", &tt.err, got, want)
		}
	}
}

// TestErrorCauses finds in errors what programs look for.
func TestErrorCauses(t *testing.T) {
	connect := func(path string) func(*Libnbd) error {
		return func(h *Libnbd) error { return h.ConnectUnix(path) }
	}
	tests := []struct {
		name   string
		call   func(*Libnbd) error
		op     string
		errno  syscall.Errno
		is     []error
		not    error
		nbderr bool // there is an error of internal/nbderr
	}{
		{"no socket", connect("/nonexistent/socket"), "connect_unix", syscall.ENOENT, []error{syscall.ENOENT, fs.ErrNotExist}, syscall.EINVAL, true},
		{"state created", func(h *Libnbd) error { return h.Pread(make([]byte, 1), 0, nil) }, "pread", syscall.ENOTCONN,
			[]error{syscall.ENOTCONN, syscall.EINVAL}, syscall.EIO, false},
		{"enumeration", func(h *Libnbd) error { return h.SetTls(9) }, "set_tls", syscall.EINVAL, []error{syscall.EINVAL}, syscall.ENOTCONN, false},
		{"negative index", func(h *Libnbd) error { _, err := h.GetMetaContext(-1); return err }, "get_meta_context", syscall.EINVAL, []error{syscall.EINVAL}, syscall.ENOTCONN, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, err := Create()
			must(t, err)
			defer h.Close()
			err = tt.call(h)
			e, ok := err.(*LibnbdError)
			if !ok || e.Op != tt.op || e.Errno != tt.errno {
				t.Fatalf("the error is %#v, want one of %s with errno %v", err, tt.op, tt.errno)
			}
			if !strings.HasPrefix(e.Errmsg, "nbd_"+tt.op+": ") || !strings.HasSuffix(e.Errmsg, ": "+handle.Strerror(tt.errno)) {
				t.Errorf("the message is %q", e.Errmsg)
			}
			for _, target := range tt.is {
				if !errors.Is(err, target) {
					t.Errorf("%v does not count as %v", err, target)
				}
			}
			if errors.Is(err, tt.not) {
				t.Errorf("%v counts as %v", err, tt.not)
			}
			if _, ok := errors.AsType[*nbderr.Error](err); ok != tt.nbderr {
				t.Errorf("there is an error of nbderr in %v: %t, want %t", err, ok, tt.nbderr)
			}
		})
	}
}

// TestBadParameters has values that the table does not permit, and the texts
// of the C library.
func TestBadParameters(t *testing.T) {
	tests := []struct {
		call func(*Libnbd) error
		want string
	}{
		{func(h *Libnbd) error { return h.SetTls(9) }, "nbd_set_tls: tls: invalid value for parameter: 9"},
		{func(h *Libnbd) error { return h.SetTls(-1) }, "nbd_set_tls: tls: invalid value for parameter: -1"},
		{func(h *Libnbd) error { return h.SetUriAllowTls(3) }, "nbd_set_uri_allow_tls: tls: invalid value for parameter: 3"},
		{func(h *Libnbd) error { return h.SetStrictMode(0x80) }, "nbd_set_strict_mode: flags: invalid value for flag: 0x80"},
		{func(h *Libnbd) error { return h.SetStrictMode(0x8f) }, "nbd_set_strict_mode: flags: invalid value for flag: 0x8f"},
		{func(h *Libnbd) error { return h.SetHandshakeFlags(4) }, "nbd_set_handshake_flags: flags: invalid value for flag: 0x4"},
		{func(h *Libnbd) error { return h.SetUriAllowTransports(0x10) }, "nbd_set_uri_allow_transports: mask: invalid value for flag: 0x10"},
		{func(h *Libnbd) error { return h.SetExportName("a\x00b") }, "nbd_set_export_name: export_name: contains a NUL byte"},
		{func(h *Libnbd) error { return h.ConnectUnix("/nonexistent\x00/socket") }, "nbd_connect_unix: unixsocket: contains a NUL byte"},
		{func(h *Libnbd) error { return h.AioConnectUnix("/nonexistent\x00/socket") }, "nbd_aio_connect_unix: unixsocket: contains a NUL byte"},
		{func(h *Libnbd) error { return h.ConnectCommand([]string{"true", "a\x00b"}) }, "nbd_connect_command: argv: contains a NUL byte"},
	}
	for _, tt := range tests {
		h, err := Create()
		must(t, err)
		err = tt.call(h)
		if e, ok := err.(*LibnbdError); !ok || e.Errmsg != tt.want+": Invalid argument" || e.Errno != syscall.EINVAL {
			t.Errorf("the error is %v, want %s", err, tt.want)
		}
		h.Close()
	}
}

// TestCommandFlags has flags that a command does not know: the strict mode
// FLAGS refuses them, and those beyond 16 bits are refused without it too.
func TestCommandFlags(t *testing.T) {
	h, err := Create()
	must(t, err)
	defer h.Close()
	must(t, h.ConnectUnix(serve(t)))
	const strict = STRICT_MASK
	tests := []struct {
		name   string
		strict Strict
		call   func() error
		want   string // "" if the flags pass this check
	}{
		{"FUA of a read", strict, func() error { return h.Pread(make([]byte, 512), 0, &PreadOptargs{FlagsSet: true, Flags: CMD_FLAG_FUA}) },
			"nbd_pread: flags: invalid value for flag: 0x1"},
		{"FUA and another", strict, func() error {
			return h.Pwrite(make([]byte, 512), 0, &PwriteOptargs{FlagsSet: true, Flags: CMD_FLAG_FUA | CMD_FLAG_DF})
		}, "nbd_pwrite: flags: invalid value for flag: 0x5"},
		{"FUA of a write", strict, func() error {
			return h.Pwrite(make([]byte, 512), 0, &PwriteOptargs{FlagsSet: true, Flags: CMD_FLAG_FUA})
		}, ""},
		{"not set", strict, func() error { return h.Pread(make([]byte, 512), 0, &PreadOptargs{Flags: CMD_FLAG_FUA}) }, ""},
		{"disconnect", strict, func() error { return h.AioDisconnect(&AioDisconnectOptargs{FlagsSet: true, Flags: 1}) },
			"nbd_aio_disconnect: flags: invalid value for flag: 0x1"},
		{"shutdown", strict, func() error { return h.Shutdown(&ShutdownOptargs{FlagsSet: true, Flags: 1}) },
			"nbd_shutdown: flags: invalid value for flag: 0x1"},
		{"beyond 16 bits", strict &^ STRICT_FLAGS, func() error {
			return h.Pread(make([]byte, 512), 0, &PreadOptargs{FlagsSet: true, Flags: 0x10000})
		}, "nbd_pread: flags: invalid value for flag: 0x10000"},
	}
	for _, tt := range tests {
		must(t, h.SetStrictMode(tt.strict))
		err := tt.call()
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if e, ok := err.(*LibnbdError); !ok || e.Errmsg != tt.want+": Invalid argument" {
			t.Errorf("%s: the error is %v, want %s", tt.name, err, tt.want)
		}
	}
}
