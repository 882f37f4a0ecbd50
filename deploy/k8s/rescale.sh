#!/bin/sh
# Give the cluster another number of members: stop all, change number and addresses, start all.
#
# State is kept by key group and the recovery store stays with member 0, so nothing is moved. While
# it lasts nothing is read; events wait in Kafka. A topic wants at least as many partitions.
#
#   rescale.sh MEMBERS [NAMESPACE]
set -eu

members=$1
namespace=${2:-tidemark}
case $members in
    '' | *[!0-9]* | 0) echo "usage: rescale.sh MEMBERS [NAMESPACE]" >&2; exit 2 ;;
esac

k() {
    "${KUBECTL:-kubectl}" --namespace "$namespace" "$@"
}

addresses=
member=0
while [ "$member" -lt "$members" ]; do
    addresses=${addresses:+$addresses,}tidemark-$member.tidemark:2101
    member=$((member + 1))
done

k scale statefulset/tidemark --replicas=0
while [ -n "$(k get pods --selector app.kubernetes.io/name=tidemark --output name)" ]; do
    sleep 1
done
k patch configmap/tidemark-cluster --type merge \
    --patch "{\"data\":{\"TIDEMARK_RUN__ADDRESSES\":\"$addresses\"}}"
k scale statefulset/tidemark --replicas="$members"
k wait statefulset/tidemark --for=jsonpath='{.status.readyReplicas}'="$members" --timeout=300s
echo "now $members members; set replicas and addresses in kustomization.yaml and statefulset.yaml, too"
