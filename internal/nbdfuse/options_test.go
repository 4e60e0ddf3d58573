package nbdfuse

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gonbd/gonbd/internal/cli"
)

func TestServers(t *testing.T) {
	uri := func(s string) server { return server{source: cli.Source{Arg: s}, fd: -1} }
	tests := []struct {
		args string
		want server
		err  string
	}{
		{args: "nbds://h/e", want: uri("nbds://h/e")},
		{args: "[ nbdkit memory 1M ]", want: server{source: cli.Source{Command: []string{"nbdkit", "memory", "1M"}}, fd: -1}},
		{args: "--command nbdkit -s memory 1M", want: server{command: []string{"nbdkit", "-s", "memory", "1M"}, fd: -1}},
		{args: "--fd 0", want: server{fd: 0}},
		{args: "--tcp host 10810", want: uri("nbd://host:10810/")},
		{args: "--tcp host http", want: uri("nbd://host:80/")},
		{args: "--tcp ::1 80", want: uri("nbd://[::1]:80/")},
		{args: "--tcp [::1] 80", want: uri("nbd://[::1]:80/")},
		{args: "--unix sock", want: uri("nbd+unix:///?socket=sock")},
		{args: "--unix /a+b&c", want: uri("nbd+unix:///?socket=/a%2Bb%26c")},
		{args: "--vsock 2 5000", want: uri("nbd+vsock://2:5000/")},
		{args: "--vsock 1 10809", want: uri("nbd+vsock://1:10809/")},

		{args: "", err: "which disk?"},
		{args: "nbd://h more", err: "nothing may stand behind"},
		{args: "[ ]", err: "no command"},
		{args: "[ nbdkit", err: "has no ]"},
		{args: "[ nbdkit ] -r", err: "nothing may stand behind"},
		{args: "--command", err: "wants a command"},
		{args: "--fd", err: "number of a file descriptor"},
		{args: "--fd x", err: "number of a file descriptor"},
		{args: "--fd -1", err: "number of a file descriptor"},
		{args: "--fd 1 2", err: "number of a file descriptor"},
		{args: "--tcp host", err: "a host and a port"},
		{args: "--tcp host 0", err: "not a port"},
		{args: "--tcp host 65536", err: "not a port"},
		{args: "--tcp host nothing-such", err: "not a port"},
		{args: "--unix", err: "path of a socket"},
		{args: "--vsock 1", err: "a CID and a port"},
		{args: "--vsock x 1", err: "not a CID and a port"},
		{args: "--vsock 1 4294967296", err: "not a CID and a port"},
		{args: "-r nbd://h", err: "options before it"},
		{args: "--unix=/s", err: "there is no mode"},
	}
	for _, test := range tests {
		got, err := parseServer(strings.Fields(test.args))
		if test.err == "" && (err != nil || !reflect.DeepEqual(got, test.want)) {
			t.Errorf("%q: %+v, %v; want %+v", test.args, got, err, test.want)
		}
		if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%q: error %v, want %q", test.args, err, test.err)
		}
	}
}

func TestFuseOptions(t *testing.T) {
	number := func(n uint32) *uint32 { return &n }
	with := func(f func(o *fuseOptions)) fuseOptions {
		o := defaultFuseOptions()
		f(&o)
		return o
	}
	tests := []struct {
		text string
		want fuseOptions
		err  string
	}{
		{text: "", want: defaultFuseOptions()},
		{text: "clone_fd,max_threads=3,,noforget", want: defaultFuseOptions()},
		{text: "allow_other", want: with(func(o *fuseOptions) { o.allowOther = true })},
		{text: "allow_root", want: with(func(o *fuseOptions) { o.allowOther, o.ownerOnly = true, true })},
		{text: "ro,noexec", want: with(func(o *fuseOptions) { o.mount = []string{"ro", "noexec"} })},
		{text: "fsname=a=b,subtype=c", want: with(func(o *fuseOptions) { o.fsname, o.subtype = "a=b", "c" })},
		{text: "uid=5,gid=6", want: with(func(o *fuseOptions) { o.uid, o.gid = number(5), number(6) })},
		{text: "umask=022,dmask=077", want: with(func(o *fuseOptions) { o.fmask, o.dmask = number(0o22), number(0o77) })},
		{text: "kernel_cache,debug", want: with(func(o *fuseOptions) { o.keepCache, o.debug = true, true })},
		{text: "auto_cache,noauto_cache", want: defaultFuseOptions()},
		{text: "attr_timeout=0.5,entry_timeout=1e99,negative_timeout=0", want: with(func(o *fuseOptions) {
			o.attrTimeout, o.entryTimeout = time.Second/2, 365*24*time.Hour
		})},

		{text: "ro,bogus", err: `"bogus" is none`},
		{text: "bogus=1", err: `"bogus=1" is none`},
		{text: "ro=1", err: "is none"},
		{text: "uid", err: "is none"},
		{text: "uid=x", err: "base of 10"},
		{text: "umask=8", err: "base of 8"},
		{text: "max_threads=x", err: "base of 10"},
		{text: "attr_timeout=-1", err: "number of seconds"},
		{text: "attr_timeout=NaN", err: "number of seconds"},
		{text: "auto_unmount", err: "not possible"},
	}
	for _, test := range tests {
		got := defaultFuseOptions()
		err := got.parse(test.text)
		if test.err == "" && (err != nil || !reflect.DeepEqual(got, test.want)) {
			t.Errorf("%q: %+v, %v; want %+v", test.text, got, err, test.want)
		}
		if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%q: error %v, want %q", test.text, err, test.err)
		}
	}
}

func TestMountpoints(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if err := os.Mkdir("folder", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ arg, path, name, err string }{
		{arg: "folder", path: "folder", name: "nbd"},
		{arg: "folder/", path: "folder", name: "nbd"},
		{arg: "folder/disk.raw", path: "folder", name: "disk.raw"},
		{arg: "file", path: "file"},
		{arg: filepath.Join(dir, "folder", "..", "file"), path: "file"},
		{arg: "new", path: ".", name: "new"},
		{arg: ".", path: ".", name: "nbd"},

		{arg: "", err: "the mount point is empty"},
		{arg: "file/", err: "should be a folder"},
		{arg: "file/disk", err: "should be a folder"},
		{arg: "nothing/disk", err: "a folder that exists"},
		{arg: "nothing/", err: "should be a folder"},
		{arg: os.DevNull, err: "should be a folder, a regular file"},
	}
	for _, test := range tests {
		m, err := findMountpoint(test.arg)
		if test.err == "" && (err != nil || m != mountpoint{filepath.Join(dir, test.path), test.name}) {
			t.Errorf("%q: %+v, %v; want %q and %q", test.arg, m, err, test.path, test.name)
		}
		if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%q: error %v, want %q", test.arg, err, test.err)
		}
	}
}
