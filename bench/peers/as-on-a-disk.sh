#!/bin/sh
# as-on-a-disk.sh COMMAND [ARGUMENT…]
#
# Runs a command in a root that was entered without udev: gives it what udev would have written about the root's filesystem, where lsblk looks for it.
set -eu

mkdir -p /dev/mapper /run/udev/data
device=$(findmnt --noheadings --nofsroot --output SOURCE /)
number=$(/usr/bin/lsblk --nodeps --noheadings --output MAJ:MIN "$device" | tr -d ' ')
uuid=$(blkid -o value -s UUID "$device")
printf 'E:ID_FS_UUID=%s\nE:ID_FS_UUID_ENC=%s\nE:ID_FS_TYPE=btrfs\nE:ID_FS_USAGE=filesystem\n' "$uuid" "$uuid" >"/run/udev/data/b$number"
exec "$@"
