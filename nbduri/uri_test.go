package nbduri

import (
	"errors"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

// TestStringOfHandWritten has URIs that leave out what Parse fills in.
func TestStringOfHandWritten(t *testing.T) {
	for _, test := range []struct {
		uri  URI
		want string
	}{
		{URI{}, "nbd://localhost:10809/"},
		{URI{TLS: true, Host: "::1"}, "nbds://[::1]:10809/"},
		{URI{Transport: Vsock, CID: HostCID}, "nbd+vsock://2:10809/"},
		{URI{Transport: SSH, Host: "h"}, "nbd+ssh://h/"},
		{URI{Transport: SSH, Host: "h", NBDPort: 5, User: "u"}, "nbd+ssh://u@h/?nbd-port=5"},
		{URI{Transport: Unix, Socket: "/s", Extra: url.Values{}}, "nbd+unix:///?socket=/s"},
		{URI{TLSVerifyPeer: True, TLSType: "psk", TLSUsername: "u", TLSPriority: "p", TLSHostname: "h", TLSPSKFile: "k", TLSCertificates: "c", Extra: url.Values{"x-b": {"2"}, "x-a": {"1"}}},
			"nbd://localhost:10809/?tls-certificates=c&tls-psk-file=k&tls-hostname=h&tls-priority=p&tls-type=psk&tls-username=u&tls-verify-peer=1&x-a=1&x-b=2"},
	} {
		if got := test.uri.String(); got != test.want {
			t.Errorf("String() = %q, want %q", got, test.want)
		}
		if err := test.uri.Validate(); err != nil {
			t.Errorf("%s: %v", test.want, err)
		}
		u, err := Parse(test.want)
		if err != nil {
			t.Errorf("Parse(%q): %v", test.want, err)
		} else if u.String() != test.want {
			t.Errorf("Parse(%q).String() = %q", test.want, u)
		}
	}
}

// TestStringEveryByte puts every byte into every place where Validate admits it.
func TestStringEveryByte(t *testing.T) {
	places := map[string]func(*URI, string){
		"export":       func(u *URI, s string) { u.Export = s },
		"user":         func(u *URI, s string) { u.User = s },
		"host":         func(u *URI, s string) { u.Host = s },
		"zone":         func(u *URI, s string) { u.Host = "fe80::1%" + s },
		"psk-file":     func(u *URI, s string) { u.TLSPSKFile = s },
		"tls-hostname": func(u *URI, s string) { u.TLSHostname = s },
		"extra name":   func(u *URI, s string) { u.Extra = url.Values{"x-" + s: {""}} },
		"extra value":  func(u *URI, s string) { u.Extra = url.Values{"x-a": {s}} },
	}
	for place, set := range places {
		admitted := 0
		for c := range 256 {
			u := URI{Host: "h"}
			set(&u, "a"+string([]byte{byte(c)})+"b")
			if u.Validate() != nil {
				continue
			}
			admitted++
			again, err := Parse(u.String())
			if err != nil {
				t.Errorf("%s with byte %#02x: %v", place, c, err)
			} else if again.String() != u.String() || again.Export != u.Export || again.User != u.User || again.Host != u.Host || again.TLSPSKFile != u.TLSPSKFile || again.TLSHostname != u.TLSHostname {
				t.Errorf("%s with byte %#02x: %q gives %#v", place, c, u, again)
			}
		}
		if admitted < 26+10 {
			t.Errorf("%s: only %d bytes are admitted", place, admitted)
		}
	}
}

// TestValidate has what Parse can't produce; the rest is in TestParseInvalid.
func TestValidate(t *testing.T) {
	for _, test := range []struct {
		uri  URI
		want string
	}{
		{URI{Transport: 9}, "unknown transport 9"},
		{URI{Host: "[::1]"}, "brackets and port are not part of it"},
		{URI{Host: "h:10809"}, "not an IPv6 address"},
		{URI{Port: 65536}, "the port is 65536"},
		{URI{Transport: SSH, Host: "h", NBDPort: 65536}, "the port is 65536"},
		{URI{Transport: Unix, Socket: "s", Host: "h"}, "a server name does not go with nbd+unix"},
		{URI{Transport: Unix, Socket: "s", Port: 1}, "a port does not go with nbd+unix"},
		{URI{Transport: Unix, Socket: "s", CID: 1}, "a vsock CID does not go with nbd+unix"},
		{URI{Transport: Vsock, Host: "h"}, "a server name does not go with nbd+vsock"},
		{URI{NBDPort: 1}, "the parameter nbd-port does not go with nbd"},
		{URI{TLSVerifyPeer: 7}, "tls-verify-peer is bool 7"},
		{URI{Extra: url.Values{"foo": {"1"}}}, `the experimental parameter "foo": expected a name in lower case beginning with x-`},
		{URI{Extra: url.Values{"x-A": {"1"}}}, "lower case"},
		{URI{Extra: url.Values{"x-a": nil}}, `"x-a" has 0 values`},
		{URI{Extra: url.Values{"x-a": {"1", "2"}}}, `"x-a" has 2 values`},
	} {
		err := test.uri.Validate()
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Validate of %#v: %v; want an error with %q", test.uri, err, test.want)
		}
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		TCP.String():          "tcp",
		Unix.String():         "unix",
		Vsock.String():        "vsock",
		SSH.String():          "ssh",
		Transport(9).String(): "transport 9",
		Unset.String():        "unset",
		False.String():        "false",
		True.String():         "true",
		Bool(7).String():      "bool 7",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, test := range []struct {
		b         Bool
		def, want bool
	}{{Unset, true, true}, {Unset, false, false}, {True, false, true}, {False, true, false}} {
		if got := test.b.Or(test.def); got != test.want {
			t.Errorf("%v.Or(%v) = %v", test.b, test.def, got)
		}
	}
}

func TestPermissions(t *testing.T) {
	all := Permissions{Transports: AllowAll, TLS: TLSAllow, LocalFile: true, TLSPriority: true}
	without := func(edit func(*Permissions)) Permissions {
		p := all
		edit(&p)
		return p
	}
	const psk, certs, priority = "nbds://h/?tls-psk-file=k", "nbds://h/?tls-certificates=c", "nbds://h/?tls-priority=p"
	for _, test := range []struct {
		p    Permissions
		uri  string
		want string // "" if permitted
	}{
		{Permissions{}, "nbd://h/", "the transport tcp (scheme nbd) is not permitted: add it to Permissions.Transports (nbd_set_uri_allow_transports)"},
		{Permissions{}, "nbds+ssh://h/", "the transport ssh (scheme nbds+ssh)"},
		{all, "nbd://h/", ""},
		{all, psk + "&tls-certificates=c&tls-priority=p", ""},
		{DefaultPermissions(), "nbd://h/", ""},
		{DefaultPermissions(), "nbds+unix:///?socket=s", ""},
		{DefaultPermissions(), "nbd+vsock://", ""},
		{DefaultPermissions(), "nbd+ssh://h", ""},
		{DefaultPermissions(), "nbds://h/?tls-verify-peer=0&tls-hostname=x&tls-username=u&tls-type=psk", ""},
		{DefaultPermissions(), psk, "tls-psk-file makes the client read local files, which is not permitted: set Permissions.LocalFile (nbd_set_uri_allow_local_file)"},
		{DefaultPermissions(), "nbd://h/?tls-psk-file=k", "tls-psk-file"},
		{DefaultPermissions(), certs, "tls-certificates makes the client read local files"},
		{DefaultPermissions(), priority, "set Permissions.TLSPriority (nbd_set_uri_allow_tls_priority)"},
		{without(func(p *Permissions) { p.LocalFile = false }), priority, ""},
		{without(func(p *Permissions) { p.TLSPriority = false }), psk, ""},
		{without(func(p *Permissions) { p.Transports = AllowTCP }), "nbd+unix:///?socket=s", "the transport unix"},
		{without(func(p *Permissions) { p.Transports = AllowUnix }), "nbd+unix:///?socket=s", ""},
		{without(func(p *Permissions) { p.Transports = AllowAll &^ AllowVsock }), "nbd+vsock://", "the transport vsock"},
		{without(func(p *Permissions) { p.Transports = AllowAll &^ AllowSSH }), "nbd+ssh://h", "the transport ssh"},
		{without(func(p *Permissions) { p.TLS = TLSDisable }), "nbd://h", ""},
		{without(func(p *Permissions) { p.TLS = TLSDisable }), "nbds://h", "the scheme nbds requires TLS, which is not permitted"},
		{without(func(p *Permissions) { p.TLS = TLSRequire }), "nbds://h", ""},
		{without(func(p *Permissions) { p.TLS = TLSRequire }), "nbd+vsock://", "the scheme nbd+vsock does not require TLS: use nbds+vsock, or set Permissions.TLS"},
		{without(func(p *Permissions) { p.TLS = 9 }), "nbd://h", "does not require TLS"},
		{without(func(p *Permissions) { p.TLS = 9 }), "nbds://h", "requires TLS"},
	} {
		u, err := Parse(test.uri)
		if err != nil {
			t.Fatal(err)
		}
		err = test.p.Check(u)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%+v, %s: %v", test.p, test.uri, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%+v, %s: %v; want an error with %q", test.p, test.uri, err, test.want)
		case err != nil && !errors.Is(err, syscall.EPERM):
			t.Errorf("%s: %v is not EPERM", test.uri, err)
		}
	}
}

// TestLibnbdNumbers pins the values that libnbd's interface gives to programs.
func TestLibnbdNumbers(t *testing.T) {
	if AllowTCP != 1 || AllowUnix != 2 || AllowVsock != 4 || AllowSSH != 8 || AllowAll != 15 {
		t.Error("a TransportSet differs from LIBNBD_ALLOW_TRANSPORT_")
	}
	if TLSDisable != 0 || TLSAllow != 1 || TLSRequire != 2 {
		t.Error("a TLSPolicy differs from LIBNBD_TLS_")
	}
}
