// Package nbdsh is the tool nbdsh: a shell for NBD servers, and an interpreter
// for scripts about them, as the C tool of that name (nbdsh(1)) but without
// Python. Its language is Starlark, whose syntax is Python's, in the dialect of
// internal/dialect, with the module nbd of internal/nbdmodule and an open
// handle h.
//
// The package starts no server by itself, and never writes to a disk but by
// what a program says.
//
// # What is as in Python
//
// Functions, lambda, if, for, while, lists, dictionaries, sets, tuples,
// comprehensions, slices, integers of any size, bytes and bytearray with their
// methods, print, formatting by %, str.format and f-strings, assert, is, **
// between two numbers, recursion, keyword arguments and defaults. The modules
// nbd, errno and sys (argv, exit and version) are there with or without
// being imported.
//
// # What is not
//
//   - try, except, raise, with: see below. fail(message) makes an error.
//   - Generators, with or without yield: write [ ] around a comprehension.
//   - class, global, nonlocal, del, async, match, :=, decorators and
//     annotations. A function changes what is outside of it by changing a list
//     or dictionary.
//   - Modules of Python: os, subprocess, struct, time, re, json, … There is no
//     import of files, and no access to files, time or other programs but
//     those that serve NBD.
//   - ** between other things than two numbers: pow(x, y).
//   - Comparisons in a chain: 0 <= x and x < n instead of 0 <= x < n.
//   - Several assignments at once: x = 1; y = x instead of y = x = 1. Tuples
//     can be assigned to: x, y = 1, 1.
//   - Strings side by side: write + between them.
//   - A string is not gone through character by character: s.elems() is.
//   - A list cannot be changed while a loop goes through it.
//   - map, filter, zip and enumerate give lists, and type(x) gives a string.
//   - print has no parameter file.
//   - f-strings of several lines, at the prompt.
//   - Methods are those of Starlark, and encode, ljust, rjust, center, zfill of
//     strings, to_bytes and bit_length of ints, int.from_bytes, and those of
//     bytes. A list has no sort: sorted(list) gives another one.
//
// An error ends a program. To go on behind one, call the function by nbd.catch,
// which gives a tuple of its result and None, or of None and the error. That has
// the attributes string (the message), errno (its name) and errnum (its number),
// which are None where there is no errno:
//
//	data, error = nbd.catch(h.pread, 512, 0)
//	if error and error.errnum == errno.EIO: print(error.string)
//
// A callback that fails makes the command fail, and says why on standard error,
// as in Python. Its argument error has the attribute value, which it may set.
// The data of a chunk is bytes.
//
// # What differs from the C tool
//
//   - A script can be named, with arguments for it, and can begin with
//     #!/usr/bin/env nbdsh. argv and sys.argv are its name and arguments.
//   - Without a terminal and without -c, standard input is a script: there is no
//     prompt, what expressions give is not printed, and an error ends it with
//     exit code 1.
//   - At the prompt, Ctrl-C ends a command, also one that waits for a server.
//     The connection stays, unless it was being made. Servers that
//     h.connect_command has started get the signal too, as they do with the C
//     tool; setsid before the command keeps it from them.
//   - A server that is slow to answer or gone cannot hang the end of the shell.
package nbdsh
