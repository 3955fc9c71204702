#!/bin/sh
# reboot for timeshift, whose restore in rsync mode ends with it.
exit 0
