// Package behaviour is one list of tests of the libnbd API, a script for each
// call, and what runs the list against any face of it: the Go handle, the
// public package, compiled C on this project's library, and the same C on the
// C libnbd, which proves that the scripts expect what libnbd does.
//
// The scripts are testdata/NNN_CALL.txt, numbered as the calls are in libnbd.h.
// A script is lines of words. Words stand between spaces; "quoted words" have
// the escapes \" \\ \n and \xNN; [a b c] is a list; # begins a comment line.
//
//	# 098 nbd_pread: reads what was written
//	server nbdkit memory 1M
//	create                      -> ok
//	connect_unix $SOCKET        -> ok
//	pwrite 68656c6c6f 100       -> ok
//	pread 5 100                 -> 68656c6c6f
//	pread 512 1M                -> error EINVAL bounds
//	c = aio_pread 5 100 done    -> >0
//	until aio_command_completed $c -> true
//	log                         -> done 0; free done
//	data $c                     -> 68656c6c6f
//
// # Preparations
//
// The line server starts a server: nbdkit or qemu-nbd with arguments on a Unix
// socket, nbdkit-tcp on a TCP port, or gonbd, which is package nbdserver with
// options (see servers.go). It sets $SOCKET and $URI, or $PORT. The line run
// runs a program. $DIR is an empty folder.
//
// # Calls
//
// A call is the name without nbd_, perhaps after the name of a handle and a
// dot ("g.create"; "h." may be left out), and its arguments. Numbers are
// decimal or hexadecimal, with K, M or G behind them, or constants without
// LIBNBD_, joined by "|". For a buffer to be filled stands its length, for one
// with data the data: hexadecimal digits, runs as "00*512", joined by "+". An
// address is unix:PATH, tcp:IP:PORT, or family:NUMBER. A callback is a name by
// which it is logged, perhaps with what it returns and stores as errno
// ("done=1", "done=-1/EIO"); "-" is none. Arguments at the end that the C
// function calls flags or completion may be left out.
//
// These are no calls of the API: "data" gives the buffer of the last
// synchronous read and "data COOKIE" that of an asynchronous one; "log" gives
// what callbacks were called since the last log, separated by "; ", and "log
// WORD" only what contains the word; "socket PATH" gives a file descriptor of
// a socket that is connected to a Unix socket; "pipe" one that has a byte to
// read, "idle" one that has none; "read PATH" gives the first line of a file.
//
// "NAME = CALL" stores the outcome for $NAME. "until CALL" repeats the call,
// and polls the handle between, until it gives what is expected, or fails.
//
// "c:" and "go:" before a line let only those faces run it.
//
// # Outcomes
//
// After "->" stands the outcome: ok, true, false, a number, a "string", data,
// or error, the name of the errno, and words that the message must contain.
// Numbers may be constants, >N, or "sum A B". A string without quotes must be one of the
// constants. "..." stands for anything. A line
//
//	upstream -> OUTCOME because REASON
//
// below it says that the C libnbd gives another outcome, and why this project
// deliberately does not. "upstream because REASON" skips the line above it
// there, where nothing can be compared.
//
// The package is for tests only.
package behaviour
