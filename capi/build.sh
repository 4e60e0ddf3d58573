#!/bin/sh
# usage: capi/build.sh DIR
#
# Builds the C library into DIR: libnbd.so.0 with its links, the runtime
# libnbd-go.so that it loads, libnbd.a, libnbd.h and libnbd.pc. It needs Go, a
# C compiler ($CC, or cc) and objcopy. libnbd.pc says that the library will lie
# in LIBDIR, or in lib below PREFIX.
set -eu

here=$(cd -- "$(dirname -- "$0")" && pwd)
if [ $# -ne 1 ]; then
	echo "usage: capi/build.sh DIR" >&2
	exit 2
fi
mkdir -p "$1"
out=$(cd -- "$1" && pwd)
go=${GO:-go}
cc=${CC:-cc}
prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-$prefix/lib}
includedir=${INCLUDEDIR:-$prefix/include}
cflags="${CFLAGS:--O2 -g} -std=gnu99 -Wall -Wextra -fPIC -fvisibility=hidden"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$here"

# Files that stand for some of Go's own: see README.md.
goroot=$("$go" env GOROOT)
{
	printf '{"Replace": {'
	comma=
	for file in runtime/sigtab_linux_generic.go syscall/rlimit.go; do
		if [ ! -e "$goroot/src/$file" ]; then
			echo "build.sh: this Go has no $file, which the library must replace; build with the Go that go.mod names" >&2
			exit 1
		fi
		printf '%s"%s": "%s"' "$comma" "$goroot/src/$file" "$here/_goroot/$file"
		comma=", "
	done
	printf '}}\n'
} >"$work/overlay.json"

# Preemption by signal would interrupt the host's system calls.
ldflags="-s -w -X runtime.godebugDefault=asyncpreemptoff=1"
gobuild() {
	CGO_ENABLED=1 CC=$cc "$go" build -trimpath -overlay "$work/overlay.json" "$@" ./runtime
}

gobuild -buildmode=c-shared -o "$work/libnbd-go.so" \
	-ldflags="$ldflags -extldflags '-Wl,-soname,libnbd-go.so -Wl,--version-script=$here/shim/runtime.map'"
# Not in place: a program may be running that has loaded the one before.
mv -f "$work/libnbd-go.so" "$out/libnbd-go.so"
chmod 755 "$out/libnbd-go.so"

# The shim can be unloaded no more than the runtime.
both="error enter host handle calls_gen"
for name in $both load load_static static_begin static_end; do
	# shellcheck disable=SC2086
	$cc $cflags -Ishim -c "shim/$name.c" -o "$work/$name.o"
done
objects() { printf "$work/%s.o " "$@"; }
# shellcheck disable=SC2046,SC2086
$cc $cflags ${LDFLAGS:-} -shared $(objects $both load) -o "$work/libnbd.so" \
	-Wl,-soname,libnbd.so.0 -Wl,--version-script=shim/libnbd.map \
	-Wl,-z,nodelete -Wl,-z,relro,-z,now -ldl -lpthread
mv -f "$work/libnbd.so" "$out/libnbd.so.0.0.0"
ln -sf libnbd.so.0.0.0 "$out/libnbd.so.0"
ln -sf libnbd.so.0 "$out/libnbd.so"

# The static library is one object, so that the runtime starts between
# static_begin and static_end, and that its own names stay its own.
gobuild -buildmode=c-archive -ldflags="$ldflags" -o "$work/runtime.a"
(
	mkdir "$work/runtime"
	cd "$work/runtime"
	ar x ../runtime.a
)
# shellcheck disable=SC2046,SC2086
$cc -r -nostdlib -Wl,-d -o "$work/libnbd.o" "$work/static_begin.o" "$work"/runtime/*.o "$work/static_end.o" \
	$(objects $both load_static)
${OBJCOPY:-objcopy} --wildcard --keep-global-symbol='nbd_*' "$work/libnbd.o"
rm -f "$out/libnbd.a"
ar rcs "$out/libnbd.a" "$work/libnbd.o"

cp shim/libnbd.h "$out/libnbd.h"
version=$(sed -n 's/^const Version = "\(.*\)"$/\1/p' ../internal/handle/about.go)
sed -e "s|@prefix@|$prefix|; s|@libdir@|$libdir|; s|@includedir@|$includedir|; s|@version@|$version|" \
	shim/libnbd.pc.in >"$out/libnbd.pc"
