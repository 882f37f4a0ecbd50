#!/bin/sh
# Make the two tokens that are in use, once: one that may only write the bucket, for the dataflow,
# and one that may only read it, for Grafana. The administrator's token stays where it is.
#
#   influxdb-tokens.sh DIRECTORY      INFLUX_HOST, INFLUX_TOKEN (the administrator's), INFLUX_ORG
set -eu
umask 077

directory=$1
bucket=${INFLUX_BUCKET:-tidemark}

# token write|read OWNER: an answer with two columns is cut at blanks; tokens have none.
token() {
    file=$directory/$1-token
    if [ ! -s "$file" ]; then
        influx auth create --description "tidemark $1" "--$1-bucket" "$id" --json |
            sed -n 's/.*"token": *"\([^"]*\)".*/\1/p' > "$file.new"
        test -s "$file.new"
        mv "$file.new" "$file"
    fi
    chmod 0400 "$file"
    if [ "$(id -u)" = 0 ]; then
        chown "$2" "$file"
    fi
}

id=$(influx bucket list --name "$bucket" --hide-headers | cut -f 1)
test -n "$id"
token write "${TIDEMARK_USER_ID:-10001}"
token read "${GRAFANA_USER_ID:-472}"
chmod 0755 "$directory"
