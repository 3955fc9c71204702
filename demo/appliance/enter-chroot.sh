#!/bin/sh
set -eu

# Run a command inside a root, in the mount namespace that the caller made: enter-chroot.sh ROOT COMMAND [ARGUMENT…].
# Of the disks of this machine, the command sees only those that are mounted in the root, by the names that udev gives them.
root=$1
shift

mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
disks=$(findmnt --submounts --noheadings --raw --nofsroot --output SOURCE --target "$root" | grep '^/dev/' | sort -u)
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for name in null zero full random urandom tty btrfs-control; do
	if [ -e "/dev/$name" ]; then
		cp -a "/dev/$name" "$root/dev/$name"
	fi
done
mkdir -p "$root/dev/pts" "$root/dev/shm" "$root/dev/disk/by-uuid"
mount -t devpts -o newinstance,mode=620,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for disk in $disks; do
	cp -a "$disk" "$root$disk"
	ln -sf "$disk" "$root/dev/disk/by-uuid/$(blkid -o value -s UUID "$disk")"
done
mount -t tmpfs -o mode=755 tmpfs "$root/run"
cd "$root"
exec chroot . "$@"
