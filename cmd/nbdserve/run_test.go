package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/internal/wire"
)

// runMain, set in the environment, makes the test binary nbdserve.
const runMain = "NBDSERVE_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// sizeOf does a handshake for an export and gives its size.
func sizeOf(t *testing.T, nc io.ReadWriter, name string) uint64 {
	t.Helper()
	b := make([]byte, wire.GreetingSize+wire.HandshakeFlagsSize)
	if _, err := io.ReadFull(nc, b); err != nil {
		t.Fatal(err)
	}
	nc.Write(wire.AppendOption(wire.AppendClientFlags(nil, wire.FlagCFixedNewstyle|wire.FlagCNoZeroes), wire.OptExportName, []byte(name)))
	b = make([]byte, wire.ExportNameReplySize)
	if _, err := io.ReadFull(nc, b); err != nil {
		t.Fatal(err)
	}
	size, _, err := wire.ParseExportNameReply(b)
	if err != nil {
		t.Fatal(err)
	}
	return size
}

func TestHelpAndVersion(t *testing.T) {
	for args, want := range map[string]string{"--help": "--read-only", "--version": "nbdserve "} {
		var out bytes.Buffer
		if err := run(context.Background(), []string{args}, stdio{nil, &out, io.Discard}); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %v, %s", args, err, &out)
		}
	}
}

// TestSingleOnPipes serves a client over streams that are no sockets.
func TestSingleOnPipes(t *testing.T) {
	client, server := net.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(context.Background(), []string{"-s", "-e", "x", "memory", "5M"}, stdio{onlyReader{server}, onlyWriter{server}, io.Discard})
	}()
	if size := sizeOf(t, client, "x"); size != 5<<20 {
		t.Errorf("size %d", size)
	}
	client.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

type onlyReader struct{ io.Reader }
type onlyWriter struct{ io.Writer }
