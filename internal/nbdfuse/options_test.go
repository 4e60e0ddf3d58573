package nbdfuse

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

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
