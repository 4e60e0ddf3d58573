# usage: fuse.sh URI: mount an export with nbdfuse in the folder m below this
# one, read and write it, and unmount it.
set -eu
mkdir m
nbdfuse -P pid m/disk "$1" &
nbdfuse=$!
trap 'fusermount3 -u m 2>/dev/null || true' EXIT
i=0
until [ -s pid ]; do
	i=$((i + 1))
	[ $i -lt 1000 ] || exit 1
	sleep 0.01
done
stat -c %s m/disk
printf hello | dd of=m/disk bs=512 seek=8 conv=notrunc status=none
dd if=m/disk bs=1 skip=4096 count=5 status=none
fusermount3 -u m
wait $nbdfuse
