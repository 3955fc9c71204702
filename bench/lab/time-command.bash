#!/bin/bash
# time-command.bash COMMAND [ARGUMENT…]
#
# Runs a command with empty standard input and prints its exit status and its duration in microseconds on one line, then what it wrote.
# Bash, because a shell without EPOCHREALTIME would have to start a program to read the clock.
set -eu

log=$(mktemp)
status=0
begin=${EPOCHREALTIME/[^0-9]/}
"$@" </dev/null >"$log" 2>&1 || status=$?
end=${EPOCHREALTIME/[^0-9]/}
printf '%s %s\n' "$status" "$((10#$end - 10#$begin))"
cat "$log"
rm -f "$log"
