#!/bin/sh
# usage: capi/build.sh DIR
#
# Builds the C library into DIR: libnbd.so.0 with its links, the runtime
# libnbd-go.so that it loads, libnbd.a, libnbd.h and libnbd.pc. It needs Go and
# a C compiler ($CC, or cc).
set -eu

here=$(cd -- "$(dirname -- "$0")" && pwd)
if [ $# -ne 1 ]; then
	echo "usage: capi/build.sh DIR" >&2
	exit 2
fi
mkdir -p "$1"
out=$(cd -- "$1" && pwd)
cc=${CC:-cc}
prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-$prefix/lib}
includedir=${INCLUDEDIR:-$prefix/include}
cflags="${CFLAGS:--O2 -g} -std=gnu99 -Wall -Wextra -Wno-parentheses -fPIC -I$here/shim"

cd "$here"
# Preemption by signal would interrupt the host's system calls.
ldflags="-s -w -X runtime.godebugDefault=asyncpreemptoff=1"
CGO_ENABLED=1 go build -trimpath -buildmode=c-shared \
	-ldflags="$ldflags -extldflags '-Wl,-soname,libnbd-go.so -Wl,--version-script=$here/shim/runtime.map'" \
	-o "$out/libnbd-go.so" ./runtime
rm -f "$out/libnbd-go.h"
chmod 755 "$out/libnbd-go.so"

# It can never be unloaded, nor can the runtime.
# shellcheck disable=SC2086
$cc $cflags ${LDFLAGS:-} -fvisibility=hidden -shared shim/shim.c shim/calls_gen.c -o "$out/libnbd.so.0.0.0" \
	-Wl,-soname,libnbd.so.0 -Wl,--version-script=shim/libnbd.map -Wl,-z,nodelete -Wl,-z,relro,-z,now -ldl -lpthread
ln -sf libnbd.so.0.0.0 "$out/libnbd.so.0"
ln -sf libnbd.so.0 "$out/libnbd.so"

# The static library has the runtime inside, and starts it with the program.
static=$(mktemp -d)
trap 'rm -rf "$static"' EXIT
CGO_ENABLED=1 go build -trimpath -buildmode=c-archive -ldflags="$ldflags" -o "$static/runtime.a" ./runtime
(
	cd "$static"
	ar x runtime.a
	# shellcheck disable=SC2086
	$cc $cflags -DGONBD_STATIC -c "$here/shim/shim.c" "$here/shim/calls_gen.c"
	rm -f runtime.a runtime.h "$out/libnbd.a"
	ar rcs "$out/libnbd.a" ./*.o
)

cp shim/libnbd.h "$out/libnbd.h"
version=$(sed -n 's/.*as of version \([0-9.]*\[0-9]\).*/\1/p' shim/libnbd.h)
sed -e "s|@prefix@|$prefix|; s|@libdir@|$libdir|; s|@includedir@|$includedir|; s|@version@|${version:-1.24}.4|" shim/libnbd.pc.in >"$out/libnbd.pc"
