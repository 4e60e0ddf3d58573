//go:build unix

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// serve starts a server, which takes over a listening socket, so that it can be
// connected to at once. It ends with the next reset.
func (b *bench) serve(network string, command ...string) (l net.Addr, err error) {
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(b.dir, fmt.Sprintf("s%d", len(b.ends)))
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	b.ends = append(b.ends, func() { listener.Close() })
	f, err := listener.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cmd := exec.Command("sh", append([]string{"-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"`, "sh"}, command...)...)
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{f}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	b.ends = append(b.ends, func() { cmd.Process.Kill(); cmd.Wait() })
	return listener.Addr(), nil
}

// uri is how to reach what listens at an address.
func uri(a net.Addr) string {
	if a.Network() == "unix" {
		return "nbd+unix:///?socket=" + a.String()
	}
	return "nbd://" + a.String()
}

// nbdkit and qemuNBD serve, and give the URI.
func (b *bench) nbdkit(network string, args ...string) (string, error) {
	a, err := b.serve(network, b.peer("nbdkit", append([]string{"-f"}, args...)...)...)
	if err != nil {
		return "", err
	}
	return uri(a), nil
}

func (b *bench) qemuNBD(network, format, disk string) (string, error) {
	a, err := b.serve(network, b.peer("qemu-nbd", "--persistent", "--shared=8", "--read-only", "-f", format, disk)...)
	if err != nil {
		return "", err
	}
	return uri(a), nil
}

func multiarch() string {
	if runtime.GOARCH == "arm64" {
		return "aarch64-linux-gnu"
	}
	return "x86_64-linux-gnu"
}

func loader() string {
	if runtime.GOARCH == "arm64" {
		return "usr/lib/ld-linux-aarch64.so.1"
	}
	return "usr/lib64/ld-linux-x86-64.so.2"
}
