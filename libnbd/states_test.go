//go:build linux

package libnbd

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gonbd/gonbd/internal/api"
	"github.com/gonbd/gonbd/nbdserver"
)

// serve starts a server of a small memory disk on a Unix socket, and gives its
// path.
func serve(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gonbd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &nbdserver.Server{Exports: []*nbdserver.Export{{Backend: nbdserver.NewMemory(1 << 20)}}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); <-done })
	return path
}

// socketPair gives a descriptor for a handle, and the other end.
func socketPair(t testing.TB) (ours, theirs int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[1]) })
	return fds[0], fds[1]
}

// states are the states of libnbd(3), and how a handle gets there.
var states = []struct {
	state api.States
	name  string
	is    func(*Libnbd) (bool, error)
	enter func(t *testing.T, h *Libnbd, server string)
}{
	{api.Created, "created", (*Libnbd).AioIsCreated, func(*testing.T, *Libnbd, string) {}},
	{api.Connecting, "connecting", (*Libnbd).AioIsConnecting, func(t *testing.T, h *Libnbd, _ string) {
		ours, _ := socketPair(t) // where nobody says anything
		must(t, h.AioConnectSocket(ours))
	}},
	{api.Negotiating, "negotiating", (*Libnbd).AioIsNegotiating, func(t *testing.T, h *Libnbd, server string) {
		must(t, h.SetOptMode(true))
		must(t, h.ConnectUnix(server))
	}},
	{api.Connected, "connected", (*Libnbd).AioIsReady, func(t *testing.T, h *Libnbd, server string) { must(t, h.ConnectUnix(server)) }},
	{api.Closed, "closed", (*Libnbd).AioIsClosed, func(t *testing.T, h *Libnbd, server string) {
		must(t, h.ConnectUnix(server))
		must(t, h.Shutdown(nil))
	}},
	{api.Dead, "dead", (*Libnbd).AioIsDead, func(t *testing.T, h *Libnbd, _ string) {
		ours, theirs := socketPair(t)
		unix.Write(theirs, []byte("this is not what an NBD server says"))
		if err := h.ConnectSocket(ours); err == nil {
			t.Fatal("garbage was taken for NBD")
		}
	}},
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// arguments are those of calls for which what argument makes will not do.
var arguments = map[string][]any{
	"ConnectUnix":      {"/nonexistent/socket"},
	"AioConnectUnix":   {"/nonexistent/socket"},
	"ConnectTcp":       {"127.0.0.1", "no such service"},
	"AioConnectTcp":    {"127.0.0.1", "no such service"},
	"ConnectUri":       {"http://localhost"},
	"AioConnectUri":    {"http://localhost"},
	"AioConnect":       {"unix:/nonexistent/socket"},
	"ConnectSocket":    {-1},
	"ConnectVsock":     {uint32(unix.VMADDR_CID_ANY), uint32(unix.VMADDR_PORT_ANY)},
	"AioConnectVsock":  {uint32(unix.VMADDR_CID_ANY), uint32(unix.VMADDR_PORT_ANY)},
	"AioConnectSocket": {-1},
	"Poll2":            {-1, 0},
}

// argument makes a harmless argument of a type.
func argument(typ reflect.Type) reflect.Value {
	switch typ.Kind() {
	case reflect.Func:
		return reflect.MakeFunc(typ, func([]reflect.Value) []reflect.Value { return []reflect.Value{reflect.ValueOf(0)} })
	case reflect.Slice:
		if typ.Elem().Kind() == reflect.Uint8 {
			return reflect.ValueOf(make([]byte, 512))
		}
		return reflect.MakeSlice(typ, 0, 0)
	}
	if typ == reflect.TypeFor[AioBuffer]() {
		return reflect.ValueOf(MakeAioBuffer(512))
	}
	return reflect.Zero(typ)
}

// methodOf gives the Go method of a call.
func methodOf(h *Libnbd, c *api.Call) (name string, method reflect.Value) {
	name = api.GoName(c.Name)
	return name, reflect.ValueOf(h).MethodByName(name)
}

// invoke makes a call with harmless arguments, and gives its error.
func invoke(h *Libnbd, c *api.Call) error {
	name, m := methodOf(h, c)
	var in []reflect.Value
	for i := range m.Type().NumIn() {
		if given, ok := arguments[name]; ok {
			in = append(in, reflect.ValueOf(given[i]))
			continue
		}
		in = append(in, argument(m.Type().In(i)))
	}
	out := m.Call(in)
	err, _ := out[len(out)-1].Interface().(error)
	return err
}

// TestStates makes each call in each state: it must be refused, as libnbd
// says it, where the table does not permit it, and must get past that check
// where it does.
func TestStates(t *testing.T) {
	server := serve(t)
	for i := range api.Calls {
		c := &api.Calls[i]
		if c.NoHandle || c.Name == "close" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			for _, s := range states {
				h, err := Create()
				must(t, err)
				s.enter(t, h, server)
				state, err := h.ConnectionState()
				must(t, err)
				if in, err := s.is(h); err != nil || !in {
					t.Fatalf("the handle is in state %q (%v), want %s", *state, err, s.name)
				}
				finer, _, _ := strings.Cut(*state, ":")
				judge(t, c, s.state, finer, invoke(h, c))
				h.Close()
			}
		})
	}
}

// judge says whether the outcome of a call in a state is right; name is that of
// the finer state, which messages have.
func judge(t *testing.T, c *api.Call, state api.States, name string, err error) {
	t.Helper()
	if c.States == 0 || c.States&state != 0 {
		if err != nil && strings.Contains(err.Error(), "invalid state") {
			t.Errorf("in state %s, which is permitted: %v", name, err)
		}
		return
	}
	e, ok := err.(*LibnbdError)
	if !ok {
		t.Errorf("in state %s, which is not permitted: %v", name, err)
		return
	}
	errno, text := syscall.EINVAL, "Invalid argument"
	if state == api.Created {
		errno, text = syscall.ENOTCONN, "Transport endpoint is not connected"
	}
	want := "nbd_" + c.Name + ": invalid state: " + name + ": the handle must be " + needs(c.States) + ": " + text
	if e.Op != c.Name || e.Errmsg != want || e.Errno != errno || !errors.Is(err, syscall.EINVAL) {
		t.Errorf("in state %s the error of %s is %q with errno %v, want %q with errno %v, and to count as EINVAL", name, e.Op, e.Errmsg, e.Errno, want, errno)
	}
}

// needs names states as libnbd does.
func needs(s api.States) string {
	var words []string
	for _, w := range []struct {
		state api.States
		words string
	}{
		{api.Created, "newly created"}, {api.Connecting, "connecting"}, {api.Negotiating, "negotiating"},
		{api.Connected, "connected with the server"}, {api.Closed, "shut down"}, {api.Dead, "dead"},
	} {
		if s&w.state != 0 {
			words = append(words, w.words)
		}
	}
	return strings.Join(words, ", or ")
}

// TestClosed makes each call on a closed handle, and on one that Create did
// not make.
func TestClosed(t *testing.T) {
	h, err := Create()
	must(t, err)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range api.Calls {
		c := &api.Calls[i]
		if c.NoHandle || c.Name == "close" {
			continue
		}
		for what, h := range map[string]*Libnbd{"a closed handle": h, "the zero value": new(Libnbd)} {
			err := invoke(h, c)
			if e, ok := err.(*LibnbdError); !ok || e.Op != c.Name || !errors.Is(err, syscall.EBADF) {
				t.Errorf("%s of %s: %v, want EBADF", c.Name, what, err)
			}
		}
	}
	for what, h := range map[string]*Libnbd{"a closed handle": h, "the zero value": new(Libnbd)} {
		if err := h.Close(); err == nil || err.Op != "close" || err.Errno != syscall.EBADF {
			t.Errorf("Close of %s: %v, want EBADF", what, err)
		}
	}
}
