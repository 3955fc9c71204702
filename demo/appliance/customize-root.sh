#!/bin/sh
set -eu

# Run by mmdebstrap with the new root as $1 after its packages are installed. $ACME_PACKAGE is the application's first version.
root=$1

cp "$ACME_PACKAGE" "$root/tmp/acme-gateway.deb"
chroot "$root" dpkg --install /tmp/acme-gateway.deb
rm "$root/tmp/acme-gateway.deb"

# The disk of the appliance is an image in which grub-install would look for partitions that the kernel does not show.
# An appliance that starts from EFI has no entry in a firmware that it never met: the path for removable media leads to it.
if [ -d "$root/usr/lib/grub/i386-pc" ]; then
	printf '%s\n' 'grub-pc grub-pc/install_devices multiselect' 'grub-pc grub-pc/install_devices_empty boolean true'
else
	echo 'grub-efi-amd64 grub2/force_efi_extra_removable boolean true'
fi | chroot "$root" debconf-set-selections

# An appliance without a screen is reached over its serial line.
mkdir -p "$root/etc/default/grub.d"
cat >"$root/etc/default/grub.d/acme.cfg" <<'GRUB'
GRUB_TIMEOUT=2
GRUB_TERMINAL="serial console"
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200"
GRUB

# Services are left alone where systemd does not run: in a chroot.
cat >"$root/usr/sbin/policy-rc.d" <<'POLICY'
#!/bin/sh
if [ -d /run/systemd/system ]; then
	exit 0
fi
exit 101
POLICY
chmod 755 "$root/usr/sbin/policy-rc.d"

# The appliance knows its vendor's repository alone; who uses it writes its place here.
rm -rf "$root/etc/apt/sources.list.d/"*
: >"$root/etc/apt/sources.list"

echo acme-appliance >"$root/etc/hostname"
printf '127.0.0.1 localhost acme-appliance\n' >"$root/etc/hosts"
rm -f "$root/etc/resolv.conf" "$root/var/lib/dbus/machine-id"
: >"$root/etc/machine-id"
