// Package libnbd stands in for the official Go binding of libnbd, which needs
// cgo and the C library: a program that imports libguestfs.org/libnbd builds
// with it unchanged, and with CGO_ENABLED=0, once its go.mod has
//
//	replace libguestfs.org/libnbd => github.com/gonbd/gonbd/compat/libguestfs.org/libnbd v0.1.0
//
// and "go mod tidy" has run. With a checkout instead of a release it takes two
// lines, since a replacement's own go.mod cannot say where to find the checkout:
//
//	replace libguestfs.org/libnbd => ../gonbd/compat/libguestfs.org/libnbd
//	replace github.com/gonbd/gonbd => ../gonbd
//
// Everything in it is an alias of what package github.com/gonbd/gonbd/libnbd
// has and describes.
package libnbd
