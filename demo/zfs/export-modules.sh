#!/bin/sh
set -eu

# Run by mmdebstrap with the new root as $1, in which zfs-dkms has built its modules for the kernel $KERNEL while it was configured.
# Leaves modules and the version of their source in the directory $OUTPUT.
root=$1

if ! mv "$root/usr/lib/modules/$KERNEL/updates/dkms" "$OUTPUT/modules"; then
	echo "zfs-dkms built no modules for $KERNEL" >&2
	cat "$root"/var/lib/dkms/zfs/*/build/make.log >&2
	exit 1
fi
# dkms (3.1) packs them when the kernel's own modules are packed. As they are they load faster, and the initrd is packed anyway.
find "$OUTPUT/modules" -name '*.xz' -exec xz --decompress -- {} +
chroot "$root" dpkg-query --show zfs-dkms | cut -f 2 | tr -d '\n' >"$OUTPUT/version"
