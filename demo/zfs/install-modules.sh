#!/bin/sh
set -eu

# Run by mmdebstrap with the new root as $1, which has a kernel and the tools of OpenZFS. $ZFS_PACKAGES is a directory with the vendor's packages of modules.
root=$1

mkdir "$root/tmp/zfs-packages"
cp "$ZFS_PACKAGES"/*.deb "$root/tmp/zfs-packages"
chroot "$root" sh -c 'exec dpkg --install /tmp/zfs-packages/*.deb'
rm -r "$root/tmp/zfs-packages"

# As a metapackage would have brought them, so that the modules go with their kernel.
chroot "$root" dpkg-query --show 'acme-zfs-modules-*' | cut -f 1 | xargs chroot "$root" apt-mark auto
