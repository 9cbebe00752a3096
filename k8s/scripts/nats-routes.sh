#!/usr/bin/env bash
# Write the part of a server's cluster configuration that holds its password: routes.conf, for a Secret.
#
#   nats-routes.sh PASSWORD HOST:PORT HOST:PORT HOST:PORT
#
# The password stands in addresses: hexadecimal digits only.
set -euo pipefail

if [ $# -lt 2 ] || ! [[ $1 =~ ^[0-9a-f]{32,}$ ]]; then
    echo "usage: $0 PASSWORD HOST:PORT...; the password has at least 32 hexadecimal digits (openssl rand -hex 32)" >&2
    exit 2
fi
password=$1
shift
echo 'authorization { user: "routes", password: "'"$password"'", timeout: 2 }'
echo 'routes: ['
for address in "$@"; do
    echo "  \"nats://routes:$password@$address\""
done
echo ']'
