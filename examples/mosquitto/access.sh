#!/bin/sh
# Writes what mosquitto asks about its users into the directory of the second
# argument: the passwords as hashes, and the file acl of the first. docker-compose.yml
# runs it before the broker.
set -eu
from=$1
to=$2
: "${BRIDGE_PASSWORD:?}" "${HOME_PASSWORD:?}"
umask 077
cp "$from/acl" "$to/acl.new"
rm -f "$to/passwords.new"
mosquitto_passwd -b -c "$to/passwords.new" phone2mqtt "$BRIDGE_PASSWORD"
mosquitto_passwd -b "$to/passwords.new" home "$HOME_PASSWORD"
# The broker gives up root before it reads them, and wants them for itself alone.
chown mosquitto "$to/acl.new" "$to/passwords.new"
# In one step each: a broker that starts meanwhile reads a whole file.
mv "$to/acl.new" "$to/acl"
mv "$to/passwords.new" "$to/passwords"
