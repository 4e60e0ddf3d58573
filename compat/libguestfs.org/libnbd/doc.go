// Package libnbd stands in for the official Go binding of libnbd, which needs
// cgo and the C library: a program that imports libguestfs.org/libnbd builds
// with it unchanged, and with CGO_ENABLED=0, once its go.mod says
//
//	replace libguestfs.org/libnbd => github.com/gonbd/gonbd/compat/libguestfs.org/libnbd v0.1.0
//
// or names a checkout in place of the path and version. Everything in it is an
// alias of what package github.com/gonbd/gonbd/libnbd has and describes.
package libnbd
