//go:build !linux

package nbdkernel

// openDriver fails: only Linux has an NBD client in its kernel.
func openDriver() (driver, error) {
	return nil, unsupported("only Linux has an NBD client in its kernel")
}
