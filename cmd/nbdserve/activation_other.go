//go:build !unix

package main

import "net"

// activated gives no sockets: there is no socket activation on this platform.
func activated() ([]net.Listener, error) { return nil, nil }
