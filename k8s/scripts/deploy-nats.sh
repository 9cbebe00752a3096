#!/usr/bin/env bash
# Deploy NATS and see that it works; if it does not, put back what was there.
#
#   deploy-nats.sh [--dry-run] [--namespace NAME] [--timeout SECONDS] OVERLAY
#
# In order: check what is needed, remember what is there, apply, wait for the servers, verify the quorum, write
# and read a message through JetStream, make or check the stream. When a step after the first apply fails, the
# objects are put back as they were; where there were none, they are deleted. Volumes are kept either way.
# --dry-run shows what would be applied (kubectl diff) and changes nothing.
# Exit codes: 0 it works, 1 it did not and was rolled back, 2 wrong usage or something missing beforehand,
# 3 the rollback failed too.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
namespace=tollbridge
timeout=900
dry_run=false
overlay=
servers=3
selector=app.kubernetes.io/name=nats
kinds=statefulset,configmap,service,poddisruptionbudget,networkpolicy
saved=
applied=false

say() { echo "deploy-nats: $*" >&2; }
kube() { kubectl --namespace "$namespace" "$@"; }

while [ $# -gt 0 ]; do
    case $1 in
        --dry-run) dry_run=true ;;
        --namespace) namespace=${2:?"--namespace needs a name"} && shift ;;
        --timeout) timeout=${2:?"--timeout needs seconds"} && shift ;;
        -*) say "unknown option $1; see the top of $0" && exit 2 ;;
        *) overlay=$1 ;;
    esac
    shift
done
if [ ! -f "$overlay/kustomization.yaml" ]; then
    say "usage: $0 [--dry-run] [--namespace NAME] [--timeout SECONDS] OVERLAY; '$overlay' holds no kustomization.yaml"
    exit 2
fi

check() {
    local secret
    kubectl kustomize "$overlay" >/dev/null || { say "the overlay $overlay cannot be rendered" && exit 2; }
    kubectl version >/dev/null || { say "the cluster does not answer" && exit 2; }
    for secret in tollbridge-nats-routes tollbridge-nats-bootstrap-nkey; do
        kube get secret "$secret" --output name >/dev/null || {
            say "there is no Secret $secret: run k8s/scripts/make-keys.sh $overlay first"
            exit 2
        }
    done
    # The keys of the base belong to nobody: with them nobody could sign in.
    if cmp --silent "$overlay/keys.conf" "$root/k8s/base/nats/keys.conf"; then
        say "$overlay/keys.conf still holds the example's keys: run k8s/scripts/make-keys.sh $overlay first"
        exit 2
    fi
}

# What was last applied, one file an object; nothing on a first deploy.
remember() {
    local object
    saved=$(mktemp -d)
    kube get "$kinds" --selector "$selector" --output name >"$saved/names"
    while read -r object; do
        kube apply view-last-applied "$object" --output yaml </dev/null >"$saved/${object//\//_}.yaml" || {
            say "$object was not made by kubectl apply (server-side, perhaps?), so it could not be put back"
            exit 2
        }
    done <"$saved/names"
    say "remembered $(wc -l <"$saved/names") objects"
}

# Jobs are made anew each time: their templates cannot change.
delete_jobs() {
    kube delete job --selector "$selector" --ignore-not-found --wait=true
}

apply() {
    kubectl apply --filename "$root/k8s/base/common"/serviceaccount.yaml --namespace "$namespace"
    applied=true
    kubectl apply --kustomize "$overlay" --selector "$selector,app.kubernetes.io/component!=job"
    # The Jobs' settings; the hash in its name makes this harmless for whoever uses another.
    kubectl apply --kustomize "$overlay" --selector tollbridge.io/settings=true
}

wait_for_servers() {
    kube rollout status statefulset/tollbridge-nats --timeout="${timeout}s"
}

# Every server is whole, knows the same leader, and counts three.
verify_quorum() {
    local number answer leader first=
    for ((number = 0; number < servers; number++)); do
        kube exec "tollbridge-nats-$number" --container nats -- \
            wget -q -O - http://127.0.0.1:8222/healthz >/dev/null || { say "server $number is not whole" && return 1; }
        answer=$(kube exec "tollbridge-nats-$number" --container nats -- \
            wget -q -O - http://127.0.0.1:8222/jsz) || return 1
        leader=$(sed -n 's/.*"meta_cluster"[^}]*"leader": *"\([^"]*\)".*/\1/p' <<<"${answer//$'\n'/ }")
        if [ -z "$leader" ]; then
            say "server $number knows no leader"
            return 1
        fi
        if ! grep -q "\"cluster_size\": *$servers" <<<"$answer"; then
            say "server $number does not count $servers servers"
            return 1
        fi
        if [ "$leader" != "${first:=$leader}" ]; then
            say "server $number follows $leader, server 0 follows $first"
            return 1
        fi
    done
    say "a quorum of $servers under $first"
}

# run_jobs: the check writes and reads, the others make the stream or the mirror. Each ends by itself.
run_jobs() {
    local job
    kubectl apply --kustomize "$overlay" --selector "$selector,app.kubernetes.io/component=job"
    for job in $(kube get job --selector "$selector" --output name); do
        if ! kube wait "$job" --for=condition=complete --timeout="${timeout}s"; then
            kube logs "$job" --tail=20 >&2 || true
            say "$job did not complete"
            return 1
        fi
        say "$job is done"
    done
}

roll_back() {
    local file unready status=0
    say "rolling back"
    delete_jobs || status=1
    if [ ! -s "$saved/names" ]; then
        say "there was nothing before: deleting what was applied, except the volumes"
        kube delete "$kinds" --selector "$selector" --ignore-not-found || status=1
        return "$status"
    fi
    for file in "$saved"/*.yaml; do
        kube apply --filename "$file" || status=1
    done
    # A StatefulSet does not replace a pod that never became ready, not even by an older one.
    # shellcheck disable=SC2016 # the dollars are the template's
    for unready in $(kube get pod --selector "$selector,app.kubernetes.io/component=nats" --output \
        'go-template={{range .items}}{{$name := .metadata.name}}{{range .status.containerStatuses}}{{if not .ready}}pod/{{$name}} {{end}}{{end}}{{end}}' |
        tr ' ' '\n' | sort -u); do
        kube delete "$unready" --wait=false || status=1
    done
    kube rollout status statefulset/tollbridge-nats --timeout="${timeout}s" || status=1
    return "$status"
}

finish() {
    local code=$?
    trap - EXIT
    if [ "$code" -ne 0 ] && $applied; then
        if roll_back; then
            say "rolled back to what was there; nothing that was stored has been touched"
            code=1
        else
            say "the rollback failed too; what was there before is in $saved"
            exit 3
        fi
    fi
    if [ -n "$saved" ]; then
        rm -rf "$saved"
    fi
    exit "$code"
}

check
if $dry_run; then
    kubectl diff --kustomize "$overlay" --selector "$selector,app.kubernetes.io/component!=job" || [ $? -eq 1 ]
    say "nothing was changed"
    exit 0
fi
remember
trap finish EXIT
delete_jobs
apply
wait_for_servers
verify_quorum
run_jobs
say "NATS works"
