#!/bin/sh
# setup.sh [LIST…]
#
# Makes a fresh Debian machine ready to build, check and test: the Debian packages that are missing, then npm's. Quick when all is there.
# LIST is a file of the checkout that names more packages.
set -eu
cd "$(dirname "$0")/.."

# Arguments: more lists. Output: the Debian packages that are wanted and not installed, one a line.
missing_packages() {
	wanted=$(cat tools/debian-packages.txt demo/debian-packages.txt "$@" 2>/dev/null | sed 's/#.*//' | tr -s ' \t' '\n' | sort -u | sed '/^$/d')
	command -v npm >/dev/null || wanted="$wanted nodejs npm"
	# shellcheck disable=SC2086 # one argument for each name
	installed=$(dpkg-query --show --showformat='${Package}=${db:Status-Status}\n' $wanted 2>/dev/null | sed -n 's/=installed$//p')
	for package in $wanted; do
		printf '%s\n' "$installed" | grep -qxF -- "$package" || echo "$package"
	done
}

# Installs the packages named as arguments; says what to do when that takes another user.
install_packages() {
	if [ "$(id -u)" -ne 0 ]; then
		echo "These Debian packages are missing: $*" >&2
		echo "Run as root: apt-get update && apt-get install --yes --no-install-recommends $*" >&2
		exit 1
	fi
	apt-get update
	DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
}

# True when node_modules is not what package-lock.json asks for.
npm_packages_outdated() {
	[ ! -e node_modules/.package-lock.json ] || [ ! -x node_modules/.bin/node ] ||
		[ -n "$(find package-lock.json -newer node_modules/.package-lock.json)" ]
}

packages=$(missing_packages "$@")
if [ -n "$packages" ]; then
	# shellcheck disable=SC2086 # one argument for each name
	install_packages $packages
fi
if npm_packages_outdated; then
	npm ci --no-audit --no-fund
	touch node_modules/.package-lock.json
fi
