"""What every manifest has to keep to, beyond its schema. Each finding is a sentence.

Pod Security "restricted" as Kubernetes defines it, and ours on top: a read-only root file system, no token,
no Service variables, images with a version, bounded memory, probes, a budget, and a network that denies by
default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.k8s.rendered import Manifest, containers, identity, workloads

VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
"""Kinds of volumes that "restricted" knows."""
PUBLIC = {"0.0.0.0/0", "::/0"}


def findings(manifests: list[Manifest]) -> list[str]:
    """Everything that is looser than it may be."""
    found: list[str] = []
    for owner, template in workloads(manifests):
        found += [f"{identity(owner)}: {fault}" for fault in _pod(owner, template)]
        for container in containers(template):
            where = f"{identity(owner)}/{container['name']}"
            found += [f"{where}: {fault}" for fault in _container(owner, container)]
    found += _namespace(manifests)
    found += _budgets(manifests)
    found += _network(manifests)
    found += _secrets(manifests)
    found += _kafka(manifests)
    return found


def _pod(owner: Manifest, template: Manifest) -> Iterator[str]:  # noqa: C901 - a list of rules, one after the other
    spec = template["spec"]
    context = spec.get("securityContext", {})
    if context.get("runAsNonRoot") is not True:
        yield "may run as root"
    if not context.get("runAsUser"):
        yield "runs as the image's user, or as 0"
    if context.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "has no seccomp profile"
    for host in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(host):
            yield f"has {host}"
    if spec.get("automountServiceAccountToken") is not False:
        yield "gets a token for the API server"
    if spec.get("enableServiceLinks") is not False:
        yield "gets a variable for every Service, NATS_PORT among them"
    for volume in spec.get("volumes", []):
        if not set(volume) - {"name"} <= VOLUMES:
            yield f"has the volume {volume['name']} of a kind that is not allowed"
    if owner["kind"] == "Job":
        if "activeDeadlineSeconds" not in owner["spec"]:
            yield "may run for ever"
    elif "terminationGracePeriodSeconds" not in spec and "sandbox" not in owner["metadata"]["name"]:
        yield "has Kubernetes' thirty seconds to end, whatever it needs"


def _container(owner: Manifest, container: Mapping[str, Any]) -> Iterator[str]:  # noqa: C901 - a list of rules, one after the other
    context = container.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if context.get("privileged"):
        yield "is privileged"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "may write to its root file system"
    capabilities = context.get("capabilities", {})
    if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
        yield "keeps capabilities"
    if context.get("runAsUser") == 0 or context.get("runAsNonRoot") is False:
        yield "runs as root after all"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "has a host port"
    tag = container["image"].partition("@")[0].rpartition("/")[2].partition(":")[2]
    if tag in ("", "latest"):
        yield f"its image {container['image']} has no version"
    resources = container.get("resources", {})
    if not {"cpu", "memory"} <= resources.get("requests", {}).keys():
        yield "says not what it needs"
    if "memory" not in resources.get("limits", {}):
        yield "has no limit of memory"
    if owner["kind"] != "Job" and container["name"] not in ("reloader", "exporter"):
        yield from (
            f"has no {probe}" for probe in ("readinessProbe", "livenessProbe") if probe not in container
        )
    for variable in container.get("env", []):
        name = variable["name"]
        if "value" in variable and any(word in name for word in ("PASSWORD", "SECRET", "TOKEN", "SEED")):
            yield f"has {name} in plain sight"


def _namespace(manifests: list[Manifest]) -> Iterator[str]:
    for one in manifests:
        if one["kind"] == "Namespace":
            labels = one["metadata"].get("labels", {})
            if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
                yield f"{identity(one)}: does not enforce the restricted pod security standard"


def _budgets(manifests: list[Manifest]) -> Iterator[str]:
    budgets = [one for one in manifests if one["kind"] == "PodDisruptionBudget"]
    for owner, template in workloads(manifests):
        labels = template["metadata"]["labels"]
        if owner["kind"] == "Job" or "sandbox" in owner["metadata"]["name"]:
            continue
        covering = [
            one for one in budgets if one["spec"]["selector"]["matchLabels"].items() <= labels.items()
        ]
        if len(covering) != 1:
            yield f"{identity(owner)}: {len(covering)} disruption budgets, one is wanted"
    for one in budgets:
        if one["spec"].get("maxUnavailable") != 1:
            yield f"{identity(one)}: a drain of nodes takes more than one, or blocks"
        if one["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"{identity(one)}: a pod that is not ready blocks its node's drain"


def _network(manifests: list[Manifest]) -> Iterator[str]:  # noqa: C901 - a list of rules, one after the other
    policies = [one for one in manifests if one["kind"] == "NetworkPolicy"]
    if not any(_denies_all(one["spec"]) for one in policies):
        yield "NetworkPolicy: nothing denies by default"
    for one in policies:
        spec = one["spec"]
        if not spec.get("policyTypes"):
            yield f"{identity(one)}: says not for which direction it is"
        for rule in spec.get("ingress", []):
            if not rule.get("from") or not rule.get("ports"):
                yield f"{identity(one)}: lets everybody in, or to every port"
            if any(peer.get("ipBlock", {}).get("cidr") in PUBLIC for peer in rule.get("from", [])):
                yield f"{identity(one)}: lets the internet in"
            if any(peer in ({"podSelector": {}}, {"namespaceSelector": {}}) for peer in rule.get("from", [])):
                yield f"{identity(one)}: lets every pod in"
        for rule in spec.get("egress", []):
            if not rule.get("to"):
                yield f"{identity(one)}: lets out to everybody"
            public = any(peer.get("ipBlock", {}).get("cidr") in PUBLIC for peer in rule.get("to", []))
            if public and not rule.get("ports"):
                yield f"{identity(one)}: lets out to every port of the internet"


def _denies_all(spec: Mapping[str, Any]) -> bool:
    return (
        spec["podSelector"] == {}
        and set(spec.get("policyTypes", [])) == {"Ingress", "Egress"}
        and not spec.get("ingress")
        and not spec.get("egress")
    )


def _secrets(manifests: list[Manifest]) -> Iterator[str]:
    for one in manifests:
        if one["kind"] == "Secret":
            yield f"{identity(one)}: a secret among the manifests"


def _kafka(manifests: list[Manifest]) -> Iterator[str]:  # noqa: C901 - a list of rules, one after the other
    for one in manifests:
        spec = one.get("spec", {})
        if one["kind"] == "Kafka":
            if spec["kafka"].get("authorization") != {"type": "simple"}:
                yield f"{identity(one)}: everybody may do everything"
            if spec["kafka"]["config"].get("auto.create.topics.enable") is not False:
                yield f"{identity(one)}: makes a topic of every typing error"
            for listener in spec["kafka"]["listeners"]:
                if not listener["tls"] or "authentication" not in listener:
                    name = listener["name"]
                    yield f"{identity(one)}: the listener {name} asks for no name, or is not encrypted"
            for part, template in _strimzi_templates(spec):
                yield from (f"{identity(one)}: {part} {fault}" for fault in template)
        if one["kind"] == "KafkaNodePool":
            context = spec.get("template", {}).get("pod", {}).get("securityContext", {})
            yield from (f"{identity(one)}: {fault}" for fault in _strimzi_pod(context))
        if one["kind"] == "KafkaUser":
            for acl in spec["authorization"]["acls"]:
                if acl["resource"].get("patternType") != "literal" or acl["resource"]["name"] == "*":
                    yield f"{identity(one)}: a right to more than one named resource"
                if set(acl["operations"]) - {"Describe", "Read", "Write"}:
                    yield f"{identity(one)}: may {acl['operations']}"


def _strimzi_templates(spec: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for part in ("kafka", "entityOperator", "kafkaExporter"):
        template = spec.get(part, {}).get("template", {})
        yield part, list(_strimzi_pod(template.get("pod", {}).get("securityContext", {})))
        inside = [value for name, value in template.items() if name.lower().endswith("container")]
        for one in inside or [{}]:
            context = one.get("securityContext", {})
            closed = context.get("allowPrivilegeEscalation") is False
            yield (
                part,
                [] if closed and context["capabilities"]["drop"] == ["ALL"] else ["may gain privileges"],
            )


def _strimzi_pod(context: Mapping[str, Any]) -> Iterator[str]:
    if context.get("runAsNonRoot") is not True or "seccompProfile" not in context:
        yield "would not be let into a restricted namespace"
