package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"

	"github.com/gonbd/gonbd/internal/cli"
	"github.com/gonbd/gonbd/nbdserver"
)

// stdio is what the program reads and writes besides its sockets.
type stdio struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// run is the program. It ends when ctx is done, at once, or gracefully on a
// signal.
func run(ctx context.Context, args []string, std stdio) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	if o.help {
		fmt.Fprint(std.out, usage, o.flags.FlagUsages())
		return nil
	}
	if o.listing != "" {
		fmt.Fprint(std.out, o.listing)
		return nil
	}
	if o.version {
		fmt.Fprintln(std.out, "nbdserve", version())
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	export, closeExport, err := o.open()
	if err != nil {
		return err
	}
	defer closeExport()
	s := &nbdserver.Server{
		Exports:     []*nbdserver.Export{export},
		Logger:      cli.Logger("nbdserve", std.err, o.verbose),
		MaxConns:    o.maxConns,
		MaxRequests: o.maxRequests,
		Disable:     o.disable,
	}
	if err := o.tls.apply(s); err != nil {
		return err
	}
	stopped := make(chan struct{})
	defer func() { <-stopped }()
	defer cancel()
	go func() {
		defer close(stopped)
		stopOnSignals(ctx, s, signals)
	}()
	if o.single {
		if o.pidfile != "" {
			remove, err := writePidfile(o.pidfile)
			if err != nil {
				return err
			}
			defer remove()
		}
		return ended(s.ServeConn(ctx, singleConn(std)))
	}

	listeners, err := activated()
	if err != nil {
		return err
	}
	if len(listeners) > 0 {
		for _, name := range []string{"port", "address", "unix"} {
			if o.flags.Changed(name) {
				closeAll(listeners)
				return usagef("--%s doesn't go with socket activation (LISTEN_FDS is set)", name)
			}
		}
	} else {
		l, err := listen(ctx, o)
		if err != nil {
			return err
		}
		listeners = []net.Listener{l}
		fmt.Fprintln(std.err, "nbdserve: listening on", uri(l.Addr(), o))
	}
	defer closeAll(listeners)
	if err := o.ready(uri(listeners[0].Addr(), o)); err != nil {
		return err
	}
	if o.pidfile != "" {
		remove, err := writePidfile(o.pidfile)
		if err != nil {
			return err
		}
		defer remove()
	}
	return serveAll(ctx, s, listeners)
}

// serveAll serves all listeners, until the first fails.
func serveAll(ctx context.Context, s *nbdserver.Server, listeners []net.Listener) error {
	errs := make([]error, len(listeners))
	var all sync.WaitGroup
	for i, l := range listeners {
		all.Go(func() {
			if errs[i] = ended(s.Serve(ctx, l)); errs[i] != nil {
				s.Close()
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// ended is nil for the ends that were asked for.
func ended(err error) error {
	if errors.Is(err, nbdserver.ErrServerClosed) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// stopOnSignals stops the server gracefully on the first signal, and at once
// on the second.
func stopOnSignals(ctx context.Context, s *nbdserver.Server, signals <-chan os.Signal) {
	select {
	case <-signals:
	case <-ctx.Done():
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-signals:
			s.Close()
		case <-ctx.Done():
		}
	}()
	s.Shutdown(ctx)
}

// ready tells whoever wants to know that clients can connect.
func (o *options) ready(uri string) error {
	if o.readyFD < 0 {
		return nil
	}
	f := os.NewFile(uintptr(o.readyFD), "ready-fd")
	_, err := fmt.Fprintln(f, uri)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("--ready-fd %d: %w", o.readyFD, err)
	}
	return nil
}

func writePidfile(path string) (remove func(), err error) {
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		return nil, fmt.Errorf("--pidfile: %w", err)
	}
	return func() { os.Remove(path) }, nil
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown version)"
}
