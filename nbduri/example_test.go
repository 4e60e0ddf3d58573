package nbduri_test

import (
	"fmt"

	"github.com/gonbd/gonbd/nbduri"
)

func ExampleParse() {
	u, err := nbduri.Parse("nbds://alice@[2001:db8::1]/disk%201?tls-verify-peer=false")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(u.Transport, u.TLS, u.User, u.Host, u.Port)
	fmt.Printf("%q\n", u.Export)
	fmt.Println(u.TLSVerifyPeer)
	fmt.Println(u)
	// Output:
	// tcp true alice 2001:db8::1 10809
	// "disk 1"
	// false
	// nbds://alice@[2001:db8::1]:10809/disk%201?tls-verify-peer=0
}

func ExampleParse_error() {
	_, err := nbduri.Parse("nbd://example.com/?sokcet=/run/nbd.sock")
	fmt.Println(err)
	_, err = nbduri.Parse("nbd:unix:/run/nbd.sock")
	fmt.Println(err)
	// Output:
	// NBD URI: unknown parameter "sokcet": want one of compress, nbd-port, socket, tls-certificates, tls-hostname, tls-priority, tls-psk-file, tls-type, tls-username, tls-verify-peer, or an experimental one beginning with x-
	// NBD URI: no "//" behind the scheme: write nbd+unix://, as in nbd+unix:///EXPORT?socket=PATH
}

func ExampleURI_String() {
	u := nbduri.URI{Transport: nbduri.Unix, Socket: "\x00nbd", Export: "/a?b"}
	if err := u.Validate(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(u)
	// Output:
	// nbd+unix:////a%3Fb?socket=%00nbd
}

func ExampleIs() {
	for _, arg := range []string{"nbd://localhost", "disk.img", "./nbd:file"} {
		fmt.Println(arg, nbduri.Is(arg))
	}
	// Output:
	// nbd://localhost true
	// disk.img false
	// ./nbd:file false
}

func ExamplePermissions_Check() {
	u, err := nbduri.Parse("nbds://example.com/?tls-psk-file=/etc/shadow")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(nbduri.DefaultPermissions().Check(u))
	// Output:
	// NBD URI: the parameter tls-psk-file makes the client read local files, which is not permitted: set Permissions.LocalFile (nbd_set_uri_allow_local_file)
}
