#!/bin/sh
set -eu

# Run in a guest with OpenZFS: fill-pool.sh PARTITION ARCHIVE POOL BE makes the pool as OpenZFS's guide to Debian on ZFS does, without a pool for /boot, and
# unpacks a root into POOL/ROOT/BE. The archive is a tar file as a disk.
partition=$1
archive=$2
pool=$3
be=$4

zpool create -R /mnt \
	-o ashift=12 -o autotrim=on \
	-O acltype=posixacl -O xattr=sa -O dnodesize=auto -O compression=lz4 -O normalization=formD -O relatime=on \
	-O canmount=off -O mountpoint=/ \
	"$pool" "$partition"
zfs create -o canmount=off -o mountpoint=none "$pool/ROOT"
zfs create -o canmount=noauto -o mountpoint=/ "$pool/ROOT/$be"
zfs mount "$pool/ROOT/$be"
tar --extract --file "$archive" --directory /mnt --numeric-owner --xattrs --xattrs-include='*'
zpool set bootfs="$pool/ROOT/$be" "$pool"
zfs unmount "$pool/ROOT/$be"
# Else the machine that imports it first would have to be told that no other one uses it.
zpool export "$pool"
