package manual

// modes are the ways in which nbdfuse and nbdublk are told of the server,
// besides a URI and a command in brackets.
var modes = []Option{
	{Names: []string{"--command"}, Arg: "COMMAND ARGUMENT...", Mode: true, Command: true, Brief: "start a server that speaks on its standard input and output", Text: `
Start a server that speaks NBD on its standard input and output, such as {nbdkit -s} or
{nbdserve --single}. All words behind are its. There is one connection.`},
	{Names: []string{"--fd"}, Arg: "N", Mode: true, Brief: "use a socket that is connected", Text: `
Use the file descriptor N, which must be a socket that is connected to a server. There is
one connection.`},
	{Names: []string{"--tcp"}, Arg: "HOST PORT", Mode: true, Brief: "connect by TCP", Text: `
Connect to a server by TCP. The export is the default one, and there is no TLS: a URI says
more.`},
	{Names: []string{"--unix"}, Arg: "SOCKET", Mode: true, Brief: "connect to a Unix socket", Text: `
Connect to a server by the Unix domain socket SOCKET.`},
	{Names: []string{"--vsock"}, Arg: "CID PORT", Mode: true, Brief: "connect by AF_VSOCK", Text: `
Connect to a server by AF_VSOCK, between a virtual machine and its host, which has the CID
2.`},
}

// modeSynopsis are the ways to call those tools, with what stands before the
// server.
func modeSynopsis(before string) []string {
	var lines []string
	for _, server := range []string{"URI", "[ COMMAND ARGUMENT... ]", "--command COMMAND ARGUMENT...", "--fd N", "--tcp HOST PORT", "--unix SOCKET", "--vsock CID PORT"} {
		lines = append(lines, "[OPTION...] "+before+" "+server)
	}
	return lines
}
