// Package vmtest runs tests in a virtual machine, whose kernel has drivers
// that the kernel of this machine may lack, and where a test may be root and
// do as it likes.
//
// The tests are ordinary ones: [Run] builds the test program that calls it
// anew, static, boots a machine that holds that program, busybox and kernel
// modules, and has the program run the same test there, where Run calls the
// functions that it was given. What they print and how they end comes back
// over a serial port.
//
// The machine is one of qemu, emulated in software: KVM would save a second
// or two, but is missing on many machines that run tests, and broken on some.
// Its kernel, qemu and busybox come from the tree of package peers. Without
// them a test skips, or fails with GONBD_NO_SKIP=1 in the environment.
//
// The package is for tests only: no program or library imports it.
package vmtest
