package nbd

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gonbd/gonbd/internal/script"
	"github.com/gonbd/gonbd/internal/wire"
	"github.com/gonbd/gonbd/nbdserver"
)

func twoExports() *nbdserver.Server {
	return &nbdserver.Server{Exports: []*nbdserver.Export{
		{Name: "one", Description: "the first", Backend: nbdserver.NewMemory(1000)},
		{Name: "two", Backend: nbdserver.NewMemory(2000), MultiConn: true,
			MetaContexts: []nbdserver.MetaContext{{Name: "x:runs", Extents: runs(100, 1, 3)}, {Name: "x:pairs", Extents: runs(100, 2, 3)}}},
	}}
}

func TestList(t *testing.T) {
	uri := serve(t, twoExports(), "unix")
	want := []ListedExport{{"one", "the first"}, {"two", ""}}
	if got, err := List(limited(t), uri); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	secretive := twoExports()
	secretive.Disable.List = true
	var e *Error
	if _, err := List(limited(t), serve(t, secretive, "tcp")); !errors.As(err, &e) || e.Kind != ServerError || !errors.Is(err, syscall.EPERM) {
		t.Errorf("%v", err)
	}
}

func TestNegotiation(t *testing.T) {
	ctx := limited(t)
	n, err := Negotiate(ctx, serve(t, twoExports(), "unix"), WithConnections(2), WithMetaContexts(ContextBaseAllocation))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if want := (Protocol{Handshake: "newstyle-fixed", StructuredReplies: true, ExtendedHeaders: true}); n.Protocol() != want {
		t.Errorf("%+v", n.Protocol())
	}
	for range 2 {
		if list, err := n.List(ctx); err != nil || len(list) != 2 {
			t.Errorf("List: %v, %v", list, err)
		}
		if e, err := n.Info(ctx, "one"); err != nil || e.Size != 1000 || e.Name != "one" || e.Description != "the first" || e.CanMultiConn() {
			t.Errorf("Info: %+v, %v", e, err)
		}
		if e, err := n.Info(ctx, "two"); err != nil || e.Size != 2000 || e.Description != "" || !e.CanMultiConn() {
			t.Errorf("Info: %+v, %v", e, err)
		}
		for _, tt := range []struct {
			queries, want []string
		}{
			{nil, []string{"base:allocation", "x:runs", "x:pairs"}},
			{[]string{"x:"}, []string{"x:runs", "x:pairs"}},
			{[]string{"y:", "x:pairs"}, []string{"x:pairs"}},
			{[]string{"y:"}, nil},
		} {
			got, err := n.MetaContexts(ctx, "two", tt.queries...)
			slices.Sort(got)
			slices.Sort(tt.want)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("MetaContexts %q: %v, %v", tt.queries, got, err)
			}
		}
		var e *Error
		if _, err := n.Info(ctx, "three"); !errors.Is(err, syscall.ENOENT) || !errors.As(err, &e) || e.Rep != wire.RepErrUnknown || !strings.Contains(err.Error(), `"three"`) {
			t.Errorf("Info of none: %v", err)
		}
		if _, err := n.MetaContexts(ctx, "three"); err == nil {
			t.Error("MetaContexts of none")
		}
		if _, err := n.Go(ctx, "three", "x:runs"); !errors.Is(err, syscall.ENOENT) {
			t.Errorf("Go to none: %v", err)
		}
		if _, err := n.Info(ctx, strings.Repeat("n", 5000)); !errors.Is(err, syscall.ENAMETOOLONG) {
			t.Errorf("a long name: %v", err)
		}
	}
	c, err := n.Go(ctx, "two")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// The contexts of the Go that failed are forgotten.
	if e := c.Export(); e.Name != "two" || c.Size() != 2000 || !slices.Equal(e.MetaContexts, []string{ContextBaseAllocation}) {
		t.Errorf("%+v", e)
	}
	if c.Connections() != 2 {
		t.Errorf("%d connections", c.Connections())
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{
		"Abort": n.Abort(ctx),
		"List":  func() error { _, err := n.List(ctx); return err }(),
		"Info":  func() error { _, err := n.Info(ctx, "one"); return err }(),
		"Go":    func() error { _, err := n.Go(ctx, "one"); return err }(),
	} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s after Go: %v", what, err)
		}
	}
	if _, err := c.ReadAt(make([]byte, 2000), 0); err != nil {
		t.Error(err)
	}
}

func TestGoWithContexts(t *testing.T) {
	ctx := limited(t)
	n, err := Negotiate(ctx, serve(t, twoExports(), "unix"), WithMetaContexts(ContextBaseAllocation), WithConnections(2))
	if err != nil {
		t.Fatal(err)
	}
	queries := []string{"x:pairs"}
	c, err := n.Go(ctx, "two", queries...)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	queries[0] = "mine"
	if got, err := extentsOf(t, c, 0, 400, "x:pairs"); err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestNegotiationEnds(t *testing.T) {
	ctx := limited(t)
	for name, end := range map[string]func(*Negotiation) error{
		"abort": func(n *Negotiation) error { return n.Abort(ctx) },
		"close": (*Negotiation).Close,
	} {
		n, err := Negotiate(ctx, serve(t, twoExports(), "unix"))
		if err != nil {
			t.Fatal(err)
		}
		if err := end(n); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := n.Close(); err != nil {
			t.Errorf("Close after %s: %v", name, err)
		}
		if _, err := n.List(ctx); !errors.Is(err, net.ErrClosed) {
			t.Errorf("List after %s: %v", name, err)
		}
	}
}

// silentNegotiation reaches a server that does not answer any option.
func silentNegotiation(t *testing.T) (*Negotiation, <-chan struct{}) {
	l := listen(t, "unix")
	asked := make(chan struct{})
	wait := script.Listen(l, script.Newstyle(wire.FlagFixedNewstyle),
		script.Answer(wire.OptExtendedHeaders, wire.RepAck, nil),
		script.ExpectOption(wire.OptList, nil),
		func(nc net.Conn) error { close(asked); return script.ExpectEOF()(nc) })
	n, err := Negotiate(limited(t), uriOf(l.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close(); wait() })
	return n, asked
}

func TestCloseNegotiationUnderWay(t *testing.T) {
	n, asked := silentNegotiation(t)
	done := make(chan error, 1)
	go func() { _, err := n.List(context.Background()); done <- err }()
	<-asked
	within(t, "Close", func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("List: %v", err)
	}
}

func TestCancelOption(t *testing.T) {
	n, asked := silentNegotiation(t)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-asked; cancel() }()
	if _, err := n.List(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := n.List(limited(t)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("afterwards: %v", err)
	}
}

func TestNegotiateWithOldServers(t *testing.T) {
	for _, off := range []nbdserver.Features{{Newstyle: true}, {FixedNewstyle: true}} {
		s := memory(4096)
		s.Disable = off
		uri := serve(t, s, "unix")
		n, err := Negotiate(limited(t), uri)
		if off.Newstyle && (!errors.Is(err, syscall.ENOTSUP) || !strings.Contains(err.Error(), "oldstyle")) {
			t.Errorf("%+v: %v", off, err)
		}
		if err == nil {
			if _, err := n.List(limited(t)); !errors.Is(err, syscall.ENOTSUP) {
				t.Errorf("List of a newstyle server: %v", err)
			}
			n.Close()
		}
	}
}

func TestDialErrors(t *testing.T) {
	tests := []struct {
		uri  string
		opts []Option
		kind ErrorKind
		want string
	}{
		{"http://example.com", nil, LocalError, "http"},
		{"nbd+unix:///?socket=/nowhere/at/all", nil, TransportError, "/nowhere/at/all"},
		{"nbd+unix:///", nil, LocalError, "socket"},
	}
	for _, tt := range tests {
		for what, f := range map[string]func() error{
			"Dial":      func() error { _, err := Dial(limited(t), tt.uri, tt.opts...); return err },
			"Negotiate": func() error { _, err := Negotiate(limited(t), tt.uri, tt.opts...); return err },
			"List":      func() error { _, err := List(limited(t), tt.uri, tt.opts...); return err },
		} {
			var e *Error
			if err := f(); !errors.As(err, &e) || e.Kind != tt.kind || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s %s: %v", what, tt.uri, err)
			}
		}
	}
}

// activated is the command that serves a socket it inherits: this program.
func activated(t testing.TB, what string) []string {
	t.Helper()
	t.Setenv(helperVariable, what)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{exe}
}

func TestSocketActivation(t *testing.T) {
	var stderr logged
	ctx := limited(t)
	c, err := DialSocketActivation(ctx, activated(t, "serve"), WithConnections(2), WithStderr(&stderr))
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if c.Connections() != 2 || c.Size() != 1<<30 {
		t.Errorf("%d connections, %d bytes", c.Connections(), c.Size())
	}
	if _, err := c.WriteAt([]byte("abc"), 5); err != nil {
		t.Error(err)
	}
	within(t, "Close", func() { c.Close() }) // how the child ends is not at issue
	n, err := NegotiateSocketActivation(ctx, activated(t, "serve"), WithStderr(&stderr))
	if err != nil {
		t.Fatal(err)
	}
	if list, err := n.List(ctx); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
	c, err = n.Go(ctx, "other")
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if c.Size() != 4096 {
		t.Errorf("%d bytes", c.Size())
	}
	c.Close()
}

func TestCommandThatDies(t *testing.T) {
	var stderr logged
	argv := activated(t, "die")
	for name, dial := range map[string]func(context.Context, []string, ...Option) (*Client, error){"DialCommand": DialCommand, "DialSocketActivation": DialSocketActivation} {
		_, err := dial(limited(t), argv, WithStderr(&stderr))
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip(err)
		}
		if err == nil || !strings.Contains(err.Error(), "status 3") || !strings.Contains(err.Error(), "no disk today") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := DialCommand(limited(t), []string{"no-such-program-at-all"}); err == nil {
		t.Error("no error")
	}
}

func TestCommand(t *testing.T) {
	var stderr logged
	argv := activated(t, "stdio")
	c, err := DialCommand(limited(t), argv, WithStderr(&stderr), WithConnections(4), WithExport("other"))
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if c.Connections() != 1 || c.Size() != 4096 {
		t.Errorf("%d connections, %d bytes", c.Connections(), c.Size())
	}
	if err := c.Shutdown(limited(t)); err != nil {
		t.Errorf("%v; %s", err, stderr.String())
	}

	// A program named ssh that needs no network.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte("#!/bin/sh\nexec '"+argv[0]+"'\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, uri := range []string{"nbd+ssh://host/other", "nbd+ssh://user@host:22/other?nbd-port=10810", "nbd+ssh://host/other?socket=/run/nbd"} {
		c, err := Dial(limited(t), uri, WithStderr(&stderr), WithConnections(4))
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		if c.Connections() != 1 || c.Size() != 4096 {
			t.Errorf("%s: %d connections, %d bytes", uri, c.Connections(), c.Size())
		}
		if err := c.Close(); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
}
