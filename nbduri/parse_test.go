package nbduri

import (
	"errors"
	"net/url"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"github.com/gonbd/gonbd/internal/nbderr"
)

// tcp is what a URI of plain TCP to h parses to, changed by edit.
func tcp(edit func(*URI)) URI {
	u := URI{Host: "h", Port: 10809}
	if edit != nil {
		edit(&u)
	}
	return u
}

func export(name string) URI { return tcp(func(u *URI) { u.Export = name }) }

func host(name string, port uint32) URI { return URI{Host: name, Port: port} }

func unix(socket string) URI { return URI{Transport: Unix, Socket: socket} }

func vsock(cid, port uint32) URI { return URI{Transport: Vsock, CID: cid, Port: port} }

// ssh is what a URI of SSH to h parses to, changed by edit.
func ssh(edit func(*URI)) URI {
	u := URI{Transport: SSH, Host: "h", NBDPort: 10809}
	if edit != nil {
		edit(&u)
	}
	return u
}

func verify(b Bool) URI { return tcp(func(u *URI) { u.TLS, u.TLSVerifyPeer = true, b }) }

var long = strings.Repeat("n", MaxExport)

var validURIs = []struct {
	uri       string
	want      URI
	canonical string
}{
	// The examples of uri.md and of nbd_connect_uri(3).
	{"nbd://example.com", host("example.com", 10809), "nbd://example.com:10809/"},
	{"nbd://example.com/", host("example.com", 10809), "nbd://example.com:10809/"},
	{"nbds://example.com", URI{TLS: true, Host: "example.com", Port: 10809}, "nbds://example.com:10809/"},
	{"nbd://h:10809/export", export("export"), "nbd://h:10809/export"},
	{"nbd://h//disk", export("/disk"), "nbd://h:10809//disk"},
	{"nbd://h/hello%20world", export("hello world"), "nbd://h:10809/hello%20world"},
	{"nbd+unix:///foo?socket=/tmp/nbd.sock", URI{Transport: Unix, Socket: "/tmp/nbd.sock", Export: "foo"}, "nbd+unix:///foo?socket=/tmp/nbd.sock"},
	{"nbds+unix://alice@/?socket=/tmp/nbd.sock&tls-certificates=certs", URI{Transport: Unix, TLS: true, User: "alice", Socket: "/tmp/nbd.sock", TLSCertificates: "certs"}, "nbds+unix://alice@/?socket=/tmp/nbd.sock&tls-certificates=certs"},
	{"nbd+unix:///?socket=%00/abstract", unix("\x00/abstract"), "nbd+unix:///?socket=%00/abstract"},
	{"nbd+vsock:///", vsock(2, 10809), "nbd+vsock://2:10809/"},
	{"nbd+ssh://h/", ssh(nil), "nbd+ssh://h/"},

	// Schemes.
	{"NBD://h/", tcp(nil), "nbd://h:10809/"},
	{"nBDs+uNIX:///?socket=s", URI{Transport: Unix, TLS: true, Socket: "s"}, "nbds+unix:///?socket=s"},
	{"nbds+vsock://3/", URI{Transport: Vsock, TLS: true, CID: 3, Port: 10809}, "nbds+vsock://3:10809/"},
	{"nbds+ssh://h", ssh(func(u *URI) { u.TLS = true }), "nbds+ssh://h/"},

	// Authority.
	{"nbd://", host("localhost", 10809), "nbd://localhost:10809/"},
	{"nbd:///e", URI{Host: "localhost", Port: 10809, Export: "e"}, "nbd://localhost:10809/e"},
	{"nbd://:1234", host("localhost", 1234), "nbd://localhost:1234/"},
	{"nbd://h:/", tcp(nil), "nbd://h:10809/"},
	{"nbd://h:007/", host("h", 7), "nbd://h:7/"},
	{"nbd://h:65535/", host("h", 65535), "nbd://h:65535/"},
	{"nbd://%48.Example/", host("H.Example", 10809), "nbd://H.Example:10809/"},
	{"nbd://b%C3%BCcher/", host("bücher", 10809), "nbd://b%C3%BCcher:10809/"},
	{"nbd://%21a'b/", host("!a'b", 10809), "nbd://!a'b:10809/"},
	{"nbd://127.0.0.1/", host("127.0.0.1", 10809), "nbd://127.0.0.1:10809/"},
	{"nbd://[::1]/", host("::1", 10809), "nbd://[::1]:10809/"},
	{"nbd://[::1]:/", host("::1", 10809), "nbd://[::1]:10809/"},
	{"nbd://[2001:DB8::1]:1/e", URI{Host: "2001:DB8::1", Port: 1, Export: "e"}, "nbd://[2001:DB8::1]:1/e"},
	{"nbd://%3A%3A1/", host("::1", 10809), "nbd://[::1]:10809/"},
	{"nbd://[::ffff:1.2.3.4]", host("::ffff:1.2.3.4", 10809), "nbd://[::ffff:1.2.3.4]:10809/"},
	{"nbd://[fe80::1%25eth0]/", host("fe80::1%eth0", 10809), "nbd://[fe80::1%25eth0]:10809/"},
	{"nbd://[fe80::1%eth0]/", host("fe80::1%eth0", 10809), "nbd://[fe80::1%25eth0]:10809/"},
	{"nbd://[fe80::1%252]/", host("fe80::1%2", 10809), "nbd://[fe80::1%252]:10809/"},
	{"nbd://[fe80::1%25a%2Bb]:5/", host("fe80::1%a+b", 5), "nbd://[fe80::1%25a%2Bb]:5/"},
	{"nbd://[fe80::1%25%c3%a9]/", host("fe80::1%é", 10809), "nbd://[fe80::1%25%C3%A9]:10809/"},
	{"nbd://@h/", tcp(nil), "nbd://h:10809/"},
	{"nbds://al%40ice@h/", tcp(func(u *URI) { u.TLS, u.User = true, "al@ice" }), "nbds://al%40ice@h:10809/"},
	{"nbd://a%3Ab!$&'()*+,;=@h/", tcp(func(u *URI) { u.User = "a:b!$&'()*+,;=" }), "nbd://a%3Ab%21%24%26%27%28%29%2A%2B%2C%3B%3D@h:10809/"},
	{"nbds://alice@", URI{TLS: true, User: "alice", Host: "localhost", Port: 10809}, "nbds://alice@localhost:10809/"},

	// Export names.
	{"nbd://h/a/../b/./c/", export("a/../b/./c/"), "nbd://h:10809/a/../b/./c/"},
	{"nbd://h///disk//", export("//disk//"), "nbd://h:10809///disk//"},
	{"nbd://h/a+b", export("a+b"), "nbd://h:10809/a+b"},
	{"nbd://h/a%2bb%2Fc%3f%23%25", export("a+b/c?#%"), "nbd://h:10809/a+b/c%3F%23%25"},
	{"nbd://h/!$&'()*+,;=:@~-._", export("!$&'()*+,;=:@~-._"), "nbd://h:10809/!$&'()*+,;=%3A@~-._"},
	{"nbd://h/%ff%01%c3%a9", export("\xff\x01é"), "nbd://h:10809/%FF%01%C3%A9"},
	{"nbd://h/" + long, export(long), "nbd://h:10809/" + long},
	{"nbd://h?", tcp(nil), "nbd://h:10809/"},

	// Unix sockets.
	{"nbd+unix://?socket=rel", unix("rel"), "nbd+unix:///?socket=rel"},
	{"nbd+unix:///?socket=/a+b%20c%26d", unix("/a+b c&d"), "nbd+unix:///?socket=/a%2Bb%20c%26d"},
	{"nbd+unix:///?socket=/a=b?c:d@e", unix("/a=b?c:d@e"), "nbd+unix:///?socket=/a%3Db%3Fc%3Ad%40e"},
	{"nbd+unix:///?s%6Fcket=x%3B%0A", unix("x;\n"), "nbd+unix:///?socket=x%3B%0A"},
	{"nbd+unix:////e?SOCKET=s", URI{Transport: Unix, Socket: "s", Export: "/e"}, "nbd+unix:////e?socket=s"},
	{"nbd+unix://ignored:1234/?socket=s", unix("s"), "nbd+unix:///?socket=s"},
	{"nbd+unix://[::1]/?socket=s", unix("s"), "nbd+unix:///?socket=s"},
	{"nbd+unix://:1234?socket=s", unix("s"), "nbd+unix:///?socket=s"},

	// vsock.
	{"nbd+vsock://", vsock(2, 10809), "nbd+vsock://2:10809/"},
	{"nbd+vsock://:5", vsock(2, 5), "nbd+vsock://2:5/"},
	{"nbd+vsock://u@0:1/e", URI{Transport: Vsock, User: "u", Port: 1, Export: "e"}, "nbd+vsock://u@0:1/e"},
	{"nbd+vsock://4294967295:2147483647/", vsock(4294967295, 2147483647), "nbd+vsock://4294967295:2147483647/"},
	{"nbd+vsock://010:2147483648/", vsock(10, 2147483648), "nbd+vsock://10/?nbd-port=2147483648"},
	{"nbd+vsock://2:7/?nbd-port=4294967295", vsock(2, 4294967295), "nbd+vsock://2/?nbd-port=4294967295"},

	// SSH.
	{"nbd+ssh://u@h:2222/e", ssh(func(u *URI) { u.User, u.Port, u.Export = "u", 2222, "e" }), "nbd+ssh://u@h:2222/e"},
	{"nbd+ssh://[::1]", ssh(func(u *URI) { u.Host = "::1" }), "nbd+ssh://[::1]/"},
	{"nbd+ssh://h:22/?nbd-port=10809", ssh(func(u *URI) { u.Port = 22 }), "nbd+ssh://h:22/"},
	{"nbd+ssh://h/?nbd-port=5&compress=on", ssh(func(u *URI) { u.NBDPort, u.Compress = 5, true }), "nbd+ssh://h/?nbd-port=5&compress=true"},
	{"nbd+ssh://h/?socket=/r&compress=0", ssh(func(u *URI) { u.Socket, u.NBDPort = "/r", 0 }), "nbd+ssh://h/?socket=/r"},
	{"nbds+ssh://u@h/?tls-username=t", ssh(func(u *URI) { u.TLS, u.User, u.TLSUsername = true, "u", "t" }), "nbds+ssh://u@h/?tls-username=t"},

	// Parameters.
	{"nbd://h:5555/?nbd-port=1234", host("h", 1234), "nbd://h:1234/"},
	{"nbd://h?nbd-port=65535", host("h", 65535), "nbd://h:65535/"},
	{"nbd://h/?compress=false", tcp(nil), "nbd://h:10809/"},
	{"nbds://h/?TLS-Hostname=a%3bb%26c+d", tcp(func(u *URI) { u.TLS, u.TLSHostname = true, "a;b&c+d" }), "nbds://h:10809/?tls-hostname=a%3Bb%26c%2Bd"},
	{"nbd://h/?tls-hostname=a;tls-psk-file=/p", tcp(func(u *URI) { u.TLSHostname, u.TLSPSKFile = "a", "/p" }), "nbd://h:10809/?tls-psk-file=/p&tls-hostname=a"},
	{"nbd://h/?tls-type=anon", tcp(func(u *URI) { u.TLSType = "anon" }), "nbd://h:10809/?tls-type=anon"},
	{"nbd://h/?tls-type=x509", tcp(func(u *URI) { u.TLSType = "x509" }), "nbd://h:10809/?tls-type=x509"},
	{"nbd://h/?tls-type=psk", tcp(func(u *URI) { u.TLSType = "psk" }), "nbd://h:10809/?tls-type=psk"},
	{"nbds://h/?tls-priority=NORMAL:+PSK", tcp(func(u *URI) { u.TLS, u.TLSPriority = true, "NORMAL:+PSK" }), "nbds://h:10809/?tls-priority=NORMAL%3A%2BPSK"},
	{"nbds://h/?tls-verify-peer=0", verify(False), "nbds://h:10809/?tls-verify-peer=0"},
	{"nbds://h/?tls-verify-peer=fALSE", verify(False), "nbds://h:10809/?tls-verify-peer=0"},
	{"nbds://h/?tls-verify-peer=off", verify(False), "nbds://h:10809/?tls-verify-peer=0"},
	{"nbds://h/?tls-verify-peer=1", verify(True), "nbds://h:10809/?tls-verify-peer=1"},
	{"nbds://h/?tls-verify-peer=Yes", verify(True), "nbds://h:10809/?tls-verify-peer=1"},
	{"nbd://h/?&&x-b=2&;X-A", tcp(func(u *URI) { u.Extra = url.Values{"x-a": {""}, "x-b": {"2"}} }), "nbd://h:10809/?x-a=&x-b=2"},
	{"nbd://h/?x-%3D%FF=%00+", tcp(func(u *URI) { u.Extra = url.Values{"x-=\xff": {"\x00+"}} }), "nbd://h:10809/?x-%3D%FF=%00%2B"},
}

func TestParse(t *testing.T) {
	for _, test := range validURIs {
		got, err := Parse(test.uri)
		if err != nil {
			t.Errorf("Parse(%q): %v", test.uri, err)
			continue
		}
		if !reflect.DeepEqual(*got, test.want) {
			t.Errorf("Parse(%q):\n got %#v\nwant %#v", test.uri, *got, test.want)
		}
		if s := got.String(); s != test.canonical {
			t.Errorf("Parse(%q).String() = %q, want %q", test.uri, s, test.canonical)
		}
		again, err := Parse(test.canonical)
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("Parse(%q) = %#v, %v; want the same as Parse(%q)", test.canonical, again, err, test.uri)
		}
		if !Is(test.uri) {
			t.Errorf("Is(%q) = false", test.uri)
		}
	}
}

var invalidURIs = []struct{ uri, want string }{
	// Schemes.
	{"", "no scheme"},
	{"foo", "no scheme: it begins with nbd://"},
	{"/path", "nbd+unix:///?socket=PATH"},
	{"//h/", "no scheme"},
	{"://h/", "no scheme"},
	{" nbd://h/", "no scheme"},
	{"4nbd://h/", "no scheme"},
	{"nb_d://h/", "no scheme"},
	{"nbd\x00://h/", "no scheme"},
	{"http://h/", `unknown scheme "http"`},
	{"nbd+tcp://h/", `unknown scheme "nbd+tcp"`},
	{"nbd+://h/", `unknown scheme "nbd+"`},
	{"nbd+unıx://", "no scheme"},
	{"nbd:", `no "//" behind the scheme: write nbd://, as in nbd://HOST:PORT/EXPORT`},
	{"nbd:h:10809", `no "//"`},
	{"nbd:/e", `no "//"`},
	{"nbd:unix:/run/s", "write nbd+unix://, as in nbd+unix:///EXPORT?socket=PATH"},
	{"nbds+unix:/e?socket=s", "nbds+unix:///EXPORT?socket=PATH"},
	{"nbd+vsock:2", "nbd+vsock://CID:PORT/EXPORT"},

	// Characters.
	{"nbd://h/a b", `the export name contains " ", which a URI writes as %20`},
	{"nbd://h/ ", `the export name contains " "`},
	{"nbd://h/\n", `"\n", which a URI writes as %0A`},
	{"nbd://h/é", `"é", which a URI writes as %C3%A9`},
	{"nbd://h/a\xff", `"\xff", which a URI writes as %FF`},
	{"nbd://h/[a]", `"["`},
	{`nbd://h/a\b`, `"\\"`},
	{`nbd://h/"|<>^{}`, `"\""`},
	{"nbd://h/%", `"%", which is not an escape`},
	{"nbd://h/a%4", `"%4", which is not an escape`},
	{"nbd://h/%zz", `the export name contains "%zz"`},
	{"nbd://h/%4z", `"%4z"`},
	{"nbd://a b/", `the server name contains " "`},
	{"nbd://h%2/", `the server name contains "%2"`},
	{"nbd://us er@h/", `the user name contains " "`},
	{"nbd://a@b@h/", `the user name contains "@", which a URI writes as %40`},
	{"nbd://h/?x-a=\"", `the value of "x-a" contains "\""`},
	{"nbd://h/?x-a=%zz", `the value of "x-a" contains "%zz"`},
	{"nbd://h/?x-[a]=1", `the name of a parameter contains "["`},
	{"nbd://h/a#frag", `"#" begins a fragment`},
	{"nbd://h/?x-a=1#", "write it as %23"},

	// Authority.
	{"nbd://user:hunter2@h/", "no place for a password"},
	{"nbd://user:@h/", "write a colon in the user name as %3A"},
	{"nbd://h:http/", `the port is "http": expected a number from 1 to 65535`},
	{"nbd://h:0/", `the port is "0"`},
	{"nbd://h:65536/", `the port is "65536"`},
	{"nbd://h:18446744073709551616/", `the port is "18446744073709551616"`},
	{"nbd://h:-1/", `the port is "-1"`},
	{"nbd://h:+1/", `the port is "+1"`},
	{"nbd://h:0x10/", `the port is "0x10"`},
	{"nbd://h:1_0/", `the port is "1_0"`},
	{"nbd://::1/", `the server "::1" contains more than one colon: an IPv6 address is written in brackets, as in [::1]:10809`},
	{"nbd://[::1/", `"[" without "]"`},
	{"nbd://[::1]x/", `"x" follows "]"`},
	{"nbd://[]/", `"[]" is not an IPv6 address`},
	{"nbd://[127.0.0.1]/", `"[127.0.0.1]" is not an IPv6 address`},
	{"nbd://[localhost]/", `"[localhost]" is not an IPv6 address`},
	{"nbd://[v1.x]/", "is not an IPv6 address"},
	{"nbd://[fe80::1%25]/", "is not an IPv6 address"},
	{"nbd://[fe80::1%]/", "is not an IPv6 address"},
	{"nbd://[fe80::1%ab0]/", `write the "%" before the zone as %25`},
	{"nbd://[fe80::1%25a%2]/", `the zone of the address contains "%2"`},
	{"nbd://[fe80::1%25a%2Fb]/", `contains "/", which no server name has`},
	{"nbd://a%3Ab/", "contains a colon, but is not an IPv6 address"},
	{"nbd://a%00b/", `contains "\x00", which no server name has`},
	{"nbd://a%20b/", `contains " "`},
	{"nbd://a%0Ab/", `contains "\n"`},
	{"nbd://a%40b/", `contains "@"`},
	{"nbd://a%FFb/", `contains "\xff"`},
	{"nbd://a%E2%80%AEb/", `contains "\u202e"`},
	{"nbd://u%0A@h/", `the user name is "u\n": control characters are not allowed`},
	{"nbd://u%7F@h/", "control characters"},

	// Export names.
	{"nbd://h/a%00b", `the export name has a NUL behind "a"`},
	{"nbd://h/" + long + "n", "the export name has 4097 bytes, but the NBD protocol allows at most 4096"},

	// The transports' own.
	{"nbd+unix:///", "nbd+unix needs the parameter socket: write nbd+unix:///EXPORT?socket=PATH"},
	{"nbd+unix://disk?socket=s", `"disk" is in the place of a server name`},
	{"nbd+unix://h:x/?socket=s", `the port is "x"`},
	{"nbd+unix:///?socket", "the parameter \"socket\" has no value"},
	{"nbd+unix:///?socket=%00", "a NUL alone"},
	{"nbd+unix:///?socket=a%00b", "a NUL may only be the first byte"},
	{"nbd+unix:///?socket=%00a%00b", "a NUL may only be the first byte"},
	{"nbd+unix:///?socket=s&nbd-port=1", "the parameter nbd-port does not go with nbd+unix"},
	{"nbd+unix:///?socket=s&compress=1", "the parameter compress does not go with nbd+unix"},
	{"nbd://h/?compress=true", "the parameter compress does not go with nbd"},
	{"nbds://h/?socket=s", "socket does not go with nbds: for a Unix domain socket, write nbds+unix:///EXPORT?socket=PATH"},
	{"nbd+vsock://2/?socket=s", "socket does not go with nbd+vsock"},
	{"nbd+vsock://host/", `the vsock CID is "host": expected a number from 0 to 4294967295`},
	{"nbd+vsock://4294967296/", "the vsock CID"},
	{"nbd+vsock://-1/", "the vsock CID"},
	{"nbd+vsock://2:0/", `the port is "0": expected a number from 1 to 4294967295`},
	{"nbd+vsock://2/?nbd-port=4294967296", "nbd-port is"},
	{"nbd+ssh:///", "nbd+ssh needs the name of the SSH server: write nbd+ssh://HOST:PORT/EXPORT"},
	{"nbd+ssh://-oProxyCommand=x/", `the SSH server "-oProxyCommand=x" begins with "-"`},
	{"nbd+ssh://%2Du@h/", `the SSH user "-u" begins with "-"`},
	{"nbd+ssh://h/?socket=-U", `the remote socket "-U" begins with "-"`},
	{"nbd+ssh://h/?socket=%00a", "a NUL may only be the first byte, for nbd+unix and nbds+unix"},
	{"nbd+ssh://h/?socket=s&nbd-port=1", "socket and nbd-port are two places"},
	{"nbd+ssh://h:70000/", `the port is "70000"`},

	// Parameters.
	{"nbd://h/?foo", `unknown parameter "foo": want one of compress, nbd-port, socket,`},
	{"nbd://h/?foo=1;x-a=2", "an experimental one beginning with x-"},
	{"nbd://h/?=1", `unknown parameter ""`},
	{"nbd://h/?" + long, "nnn\"…: want one of"},
	{"nbd+unix:///?socket=a&SOCKET=b", `the parameter "socket" is given twice`},
	{"nbd://h/?x-a=1&x-a=1", `the parameter "x-a" is given twice`},
	{"nbd://h/?tls-hostname=", `the parameter "tls-hostname" has no value`},
	{"nbd://h/?nbd-port=nbd", `nbd-port is "nbd": expected a number from 1 to 65535`},
	{"nbd://h/?nbd-port=0", `nbd-port is "0"`},
	{"nbd+ssh://h/?nbd-port=65536", `nbd-port is "65536"`},
	{"nbd+ssh://h/?compress=maybe", `compress is "maybe": expected true or false, or 1 or 0`},
	{"nbds://h/?tls-verify-peer=2", `tls-verify-peer is "2"`},
	{"nbds://h/?tls-type=X509", `tls-type is "X509": expected anon, x509 or psk`},
	{"nbds://h/?tls-hostname=a%0ab", `the parameter tls-hostname is "a\nb": control characters`},
	{"nbds://h/?tls-psk-file=a%00b", `the parameter tls-psk-file is "a\x00b", but a path has no NUL`},
}

func TestParseInvalid(t *testing.T) {
	for _, test := range invalidURIs {
		u, err := Parse(test.uri)
		if err == nil {
			t.Errorf("Parse(%q) = %#v, want an error with %q", test.uri, u, test.want)
			continue
		}
		if !strings.Contains(err.Error(), test.want) {
			t.Errorf("Parse(%q): %v; want an error with %q", test.uri, err, test.want)
		}
		if !errors.Is(err, syscall.EINVAL) {
			t.Errorf("Parse(%q): %v is not EINVAL", test.uri, err)
		}
		if e, ok := errors.AsType[*nbderr.Error](err); !ok || e.Kind != nbderr.Local {
			t.Errorf("Parse(%q): the error is %#v, want a *nbderr.Error of kind Local", test.uri, err)
		}
		if u != nil {
			t.Errorf("Parse(%q) = %#v along with an error", test.uri, u)
		}
	}
}

func TestErrorsShowNoPassword(t *testing.T) {
	for _, s := range []string{
		"nbd://user:hunter2@h/",
		"nbd://user:hun@hunter2@h/",
		"nbd://user:hunter2/%@h/",
		"nbd://user:hunter2/word@h/",
		"nbd://user:hunter2?word@h/",
		"nbd://user:x:hunter2/word@h/",
		"nbd://user:1?hunter2@h/",
		"nbd://user:1/?hunter2=%zz@h/",
		"nbd://user:pass#hunter2@h/",
		"nbd://[user:hunter2@h/",
		"nbd://[user:hunter2]/word@h/",
		"nbd://[::1]hunter2/word@h/",
		"nbd+vsock://user:hunter2/word@2/",
		"nbd+unix://user:hunter2/word@/?socket=s",
		"nbd:user:hunter2@h/",
	} {
		_, err := Parse(s)
		if err == nil {
			t.Errorf("Parse(%q) gives no error", s)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Parse(%q): the error shows the password: %v", s, err)
		}
	}
}

func TestIs(t *testing.T) {
	for s, want := range map[string]bool{
		"nbd://":         true,
		"nbds://h":       true,
		"NBD+Unix://":    true,
		"nbds+unix://x":  true,
		"nbd+vsock://":   true,
		"nbds+vsock://":  true,
		"nbd+ssh://":     true,
		"NBDS+SSH://":    true,
		"nbd://h/%zz":    true, // a heuristic: Parse refuses it
		"":               false,
		"nbd":            false,
		"nbd:":           false,
		"nbd:/":          false,
		"nbd:h:10809":    false,
		" nbd://h":       false,
		"nbd+tcp://h":    false,
		"http://h":       false,
		"nbdſ://h":       false, // folds to nbds outside of ASCII
		"://":            false,
		"disk.img":       false,
		"x/nbd://h":      false,
		"nbds-unix://":   false,
		"file+nbd://h/e": false,
	} {
		if got := Is(s); got != want {
			t.Errorf("Is(%q) = %v, want %v", s, got, want)
		}
	}
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

func FuzzParse(f *testing.F) {
	for _, test := range validURIs {
		f.Add(test.uri)
	}
	for _, test := range invalidURIs {
		f.Add(test.uri)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := Parse(s)
		if err != nil {
			if u != nil || err.Error() == "" {
				t.Fatalf("Parse(%q) = %#v, %v", s, u, err)
			}
			return
		}
		if !Is(s) {
			t.Fatalf("Parse accepts %q, but Is does not", s)
		}
		canonical := u.String()
		again, err := Parse(canonical)
		if err != nil {
			t.Fatalf("%q gives %q: %v", s, canonical, err)
		}
		if !reflect.DeepEqual(again, u) {
			t.Fatalf("%q gives %#v, but %q gives %#v", s, u, canonical, again)
		}
		if twice := again.String(); twice != canonical {
			t.Fatalf("%q is not canonical: it gives %q", canonical, twice)
		}
		// A zone may have any escapes (RFC 6874), but net/url takes none in it
		// that stand for other than ASCII.
		if addr, zone, _ := strings.Cut(u.Host, "%"); !isASCII(zone) {
			u.Host = addr
		}
		if _, err := url.Parse(u.String()); err != nil {
			t.Fatalf("%q is not a URI for net/url: %v", u, err)
		}
	})
}
