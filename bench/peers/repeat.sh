#!/bin/sh
# repeat.sh COUNT COMMAND [ARGUMENT…]
#
# Runs a command so many times, one after the other.
set -eu

count=$1
shift
while [ "$count" -gt 0 ]; do
	"$@"
	count=$((count - 1))
done
