#!/usr/bin/env bash
# Make the keys and passwords that belong to NATS, once: seeds and the route password into Secrets, public keys
# into the overlay's keys.conf. A Secret that is there is kept, and so is its public key.
#
#   make-keys.sh [--dry-run] [--namespace NAME] OVERLAY
#
# OVERLAY: a directory such as k8s/overlays/production. Needs kubectl and openssl, and Python with Tollbridge
# (PYTHON=.venv/bin/python, say). Exit codes: 0 done, 1 failed, 2 wrong usage.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$(dirname "$here")")
python=${PYTHON:-python3}
namespace=tollbridge
dry_run=false
overlay=

while [ $# -gt 0 ]; do
    case $1 in
        --dry-run) dry_run=true ;;
        --namespace) namespace=${2:?"--namespace needs a name"} && shift ;;
        -*) echo "unknown option $1; see the top of $0" >&2 && exit 2 ;;
        *) overlay=$1 ;;
    esac
    shift
done
if [ ! -f "$overlay/kustomization.yaml" ]; then
    echo "usage: $0 [--dry-run] [--namespace NAME] OVERLAY; '$overlay' holds no kustomization.yaml" >&2
    exit 2
fi
keys=$overlay/keys.conf

exists() { kubectl --namespace "$namespace" get secret "$1" --output name >/dev/null 2>&1; }

# Standard input is the value: a secret on a command line is in the process list.
create() {
    if $dry_run; then
        cat >/dev/null
        echo "would create the Secret $1 with the key $2"
    else
        kubectl --namespace "$namespace" create secret generic "$1" --from-file="$2=/dev/stdin"
    fi
}

# make VARIABLE SECRET: a new nkey, unless its Secret is there.
make_key() {
    if exists "$2"; then
        echo "the Secret $2 is there; its key stays"
        return
    fi
    local pair seed public
    pair=$(cd "$root" && "$python" -m app.nats.new_key)
    seed=${pair%%$'\n'*}
    public=${pair##*$'\n'}
    printf '%s' "$seed" | create "$2" seed
    if $dry_run; then
        echo "would write $1 into $keys"
    else
        local rest
        rest=$(grep -v "^$1:" "$keys" || true)
        printf '%s\n%s: %s\n' "$rest" "$1" "$public" >"$keys"
        echo "wrote $1 into $keys"
    fi
}

if ! $dry_run; then
    kubectl apply --filename "$root/k8s/base/common/namespace.yaml"
fi
make_key OPERATOR_KEY tollbridge-nats-operator-nkey
make_key SINK_KEY tollbridge-nats-sink-nkey
make_key BOOTSTRAP_KEY tollbridge-nats-bootstrap-nkey
make_key READER_KEY tollbridge-nats-reader-nkey
make_key REGION_KEY tollbridge-nats-region-nkey

if exists tollbridge-nats-routes; then
    echo "the Secret tollbridge-nats-routes is there; its password stays"
else
    servers=()
    for number in 0 1 2; do
        servers+=("tollbridge-nats-$number.tollbridge-nats-headless:6222")
    done
    "$here/nats-routes.sh" "$(openssl rand -hex 32)" "${servers[@]}" | create tollbridge-nats-routes routes.conf
fi
