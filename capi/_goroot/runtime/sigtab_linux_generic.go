//go:build !mips && !mipsle && !mips64 && !mips64le && linux

package runtime

// sigtable in place of Go's own: the signals are those of the program that
// loads the library. The runtime installs no handler and changes none, and on
// its threads, which begin with all signals blocked, it opens those only that
// report a fault of the code itself, and the two of the C library's threads.
var sigtable = [65]sigTabT{
	1:  {0, "SIGHUP"},
	2:  {0, "SIGINT"},
	3:  {0, "SIGQUIT"},
	4:  {_SigDefault + _SigUnblock, "SIGILL: illegal instruction"},
	5:  {_SigDefault + _SigUnblock, "SIGTRAP: trace trap"},
	6:  {0, "SIGABRT: abort"},
	7:  {_SigDefault + _SigUnblock, "SIGBUS: bus error"},
	8:  {_SigDefault + _SigUnblock, "SIGFPE: floating-point exception"},
	11: {_SigDefault + _SigUnblock, "SIGSEGV: segmentation violation"},
	13: {0, "SIGPIPE: write to broken pipe"},
	15: {0, "SIGTERM"},
	32: {_SigSetStack + _SigUnblock, "signal 32"},
	33: {_SigSetStack + _SigUnblock, "signal 33"},
}
