package main

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/gonbd/gonbd/nbdserver"
)

func TestUsageErrors(t *testing.T) {
	for _, tt := range []struct {
		args string
		want string
	}{
		{"", "what is to be served"},
		{"memory", "needs a SIZE"},
		{"memory 1X", `"1X"`},
		{"memory 9E", `"9E"`},
		{"memory 1G 2G", `"2G" follows`},
		{"a b", `["b"]`},
		{"--no-such-option a", "no-such-option"},
		{"-p", "flag needs an argument"},
		{"-U s -p 1 a", "--unix and --port exclude each other"},
		{"-s -i localhost a", "--single and --address exclude each other"},
		{"-U s -s a", "--unix and --single"},
		{"--oldstyle -e x a", "--oldstyle and --export"},
		{"--unix= a", "path of a socket"},
		{"--max-connections=-1 a", "negative"},
		{"--block-size 512 a", "MIN:PREF:MAX"},
		{"--block-size 512:4K:8G a", "32 bits"},
		{"--block-size x:4K:1M a", `"x"`},
		{"--memory-limit 1G a", "goes with memory"},
		{"--memory-limit x memory 1G", "--memory-limit"},
	} {
		_, err := parseOptions(strings.Fields(tt.args))
		if _, ok := errors.AsType[usageError](err); !ok || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("nbdserve %s: %v, want %q", tt.args, err, tt.want)
		}
	}
}

func TestParseOptions(t *testing.T) {
	o, err := parseOptions(strings.Fields("-r -e disk --description text --block-size 512::1M --no-multi-conn --no-structured-replies memory 10M --memory-limit 1M"))
	if err != nil {
		t.Fatal(err)
	}
	e := o.export
	if !e.ReadOnly || e.MultiConn || !e.SparseReads || e.Name != "disk" || e.Description != "text" || e.BlockSize != (nbdserver.BlockSize{Minimum: 512, MaxPayload: 1 << 20}) {
		t.Errorf("export %+v", e)
	}
	if o.disable != (nbdserver.Features{StructuredReply: true, ExtendedHeaders: true}) || !o.memory || o.size != 10<<20 || o.memoryLimit != 1<<20 {
		t.Errorf("options %+v", o)
	}
	export, _, err := o.open()
	if err != nil || export.Backend.Size() != 10<<20 {
		t.Errorf("backend %v, %v", export, err)
	}
}

func TestURI(t *testing.T) {
	for _, tt := range []struct {
		addr          net.Addr
		address, name string
		want          string
	}{
		{&net.TCPAddr{IP: net.IPv6zero, Port: 10809}, "", "", "nbd://localhost:10809/"},
		{&net.TCPAddr{IP: net.IPv6loopback, Port: 1}, "::1", "a b", "nbd://[::1]:1/a%20b"},
		{&net.TCPAddr{IP: net.IPv4zero, Port: 1}, "0.0.0.0", "", "nbd://localhost:1/"},
		{&net.UnixAddr{Name: "/tmp/a b+c"}, "", "d?", "nbd+unix:///d%3F?socket=/tmp/a%20b%2Bc"},
	} {
		o := &options{address: tt.address}
		o.export.Name = tt.name
		if got := uri(tt.addr, o); got != tt.want {
			t.Errorf("URI %s, expected %s", got, tt.want)
		}
	}
}
