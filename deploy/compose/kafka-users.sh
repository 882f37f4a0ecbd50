#!/bin/sh
# Give the broker's user its SCRAM password. Runs inside the broker's network, where it listens
# without a login on loopback; a second run sets the same password again.
#
#   KAFKA_PASSWORD=... kafka-users.sh BOOTSTRAP_SERVER
set -eu
umask 077

# By a file: a command line can be read by others.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf 'SCRAM-SHA-512=[password=%s]\n' "$KAFKA_PASSWORD" > "$work/user"

"${KAFKA_BIN:-/opt/kafka/bin}/kafka-configs.sh" --bootstrap-server "$1" --alter \
    --entity-type users --entity-name tidemark --add-config-file "$work/user"
