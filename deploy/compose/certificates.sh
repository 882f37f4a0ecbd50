#!/bin/sh
# Make a certificate authority, a certificate of the broker and one of MongoDB, once.
#
# The authority's own key is thrown away: whoever reads the volumes later can make no certificates.
# To renew them all, remove the three volumes and start again.
#
#   certificates.sh CA_DIRECTORY KAFKA_DIRECTORY MONGODB_DIRECTORY
set -eu
umask 077

ca=$1 kafka=$2 mongodb=$3
days=${CERTIFICATE_DAYS:-825}

if [ -s "$ca/ca.pem" ] && [ -s "$kafka/server.pem" ] && [ -s "$mongodb/server.pem" ]; then
    echo "certificates are there"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

openssl req -x509 -newkey rsa:3072 -noenc -days "$days" -subj "/CN=Tidemark authority" \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" \
    -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null

# certificate NAME DIRECTORY OWNER: key and certificate in one file, which only the owner reads.
certificate() {
    openssl req -newkey rsa:3072 -noenc -subj "/CN=$1" \
        -keyout "$work/$1.key" -out "$work/$1.csr" 2>/dev/null
    {
        echo "subjectAltName=DNS:$1,DNS:localhost,IP:127.0.0.1"
        echo "keyUsage=critical,digitalSignature,keyEncipherment"
        echo "extendedKeyUsage=serverAuth,clientAuth"
    } > "$work/$1.ext"
    openssl x509 -req -in "$work/$1.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial \
        -days "$days" -extfile "$work/$1.ext" -out "$work/$1.crt" 2>/dev/null
    cat "$work/$1.key" "$work/$1.crt" > "$2/server.pem"
    chmod 0400 "$2/server.pem"
    if [ "$(id -u)" = 0 ]; then
        chown "$3" "$2" "$2/server.pem"
    fi
}

certificate kafka "$kafka" "${KAFKA_USER_ID:-1000}"
certificate mongodb "$mongodb" "${MONGODB_USER_ID:-999}"
# Last: its presence says that the others are there.
cp "$work/ca.pem" "$ca/ca.pem"
chmod 0444 "$ca/ca.pem"
chmod 0755 "$ca"
echo "certificates made, good for $days days"
