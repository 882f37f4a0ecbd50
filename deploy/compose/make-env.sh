#!/bin/sh
# Make .env from .env.example with a random secret wherever that leaves one empty. One that is
# there stays as it is.
set -eu
umask 077

cd "$(dirname "$0")/../.."
if [ -e .env ]; then
    exit 0
fi
while IFS= read -r line; do
    case $line in
        [A-Z]*=) printf '%s%s\n' "$line" "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" ;;
        *) printf '%s\n' "$line" ;;
    esac
done < .env.example > .env.new
mv .env.new .env
echo "made .env with new passwords: keep it"
