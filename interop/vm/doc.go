// Package vm has no code: its tests run in a virtual machine (see package
// internal/vmtest), on the drivers of its kernel.
package vm
