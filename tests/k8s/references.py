"""Whether every reference from one object to another leads somewhere. Each fault is a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.k8s.rendered import Manifest, containers, identity, workloads

SECRETS: Mapping[str, frozenset[str]] = {
    # Made by a person, with k8s/scripts/make-keys.sh and docs/deployment.md.
    "tollbridge-stripe": frozenset({"STRIPE_WEBHOOK_SECRETS"}),
    "tollbridge-stripe-api": frozenset({"key"}),
    "tollbridge-openmeter-token": frozenset({"token"}),
    "tollbridge-query": frozenset({"token"}),
    "tollbridge-nats-routes": frozenset({"routes.conf"}),
    "tollbridge-nats-sink-nkey": frozenset({"seed"}),
    "tollbridge-nats-bootstrap-nkey": frozenset({"seed"}),
    "tollbridge-nats-region-nkey": frozenset({"seed"}),
    "tollbridge-redis": frozenset({"url", "password"}),
    # Made by cert-manager, or by a person.
    "tollbridge-ingress-tls": frozenset({"tls.crt", "tls.key"}),
}
"""Secrets that must be there before, and their keys; each is tested to stand in docs/deployment.md."""
_MANAGED = {"strimzi.io/cluster", "strimzi.io/kind", "strimzi.io/name", "strimzi.io/pool-name"}
"""Labels of pods that an operator makes."""


class Objects:
    """The rendered objects, by what others may refer to."""

    def __init__(self, manifests: list[Manifest]) -> None:
        self.manifests = manifests
        self.names = {identity(one) for one in manifests}
        self.config = {one["metadata"]["name"]: set(one.get("data", {})) for one in self._of("ConfigMap")}
        self.secrets = {name: set(keys) for name, keys in SECRETS.items()}
        for user in self._of("KafkaUser"):
            # The user operator's Secret has the user's name.
            self.secrets[user["metadata"]["name"]] = {"password", "sasl.jaas.config"}
        for cluster in self._of("Kafka"):
            self.secrets[f"{cluster['metadata']['name']}-cluster-ca-cert"] = {
                "ca.crt",
                "ca.p12",
                "ca.password",
            }
        self.pods = [(owner, template) for owner, template in workloads(manifests)]

    def _of(self, kind: str) -> list[Manifest]:
        return [one for one in self.manifests if one["kind"] == kind]

    def faults(self) -> Iterator[str]:
        """Every reference that leads nowhere."""
        for owner, template in self.pods:
            yield from self._pod(owner, template)
        for one in self.manifests:
            check = getattr(self, f"_{one['kind'].lower()}", None)
            if check is not None:
                yield from (f"{identity(one)}: {fault}" for fault in check(one))

    # What pods refer to

    def _pod(self, owner: Manifest, template: Manifest) -> Iterator[str]:
        who, spec = identity(owner), template["spec"]
        account = spec.get("serviceAccountName")
        if account and f"ServiceAccount/{account}" not in self.names:
            yield f"{who}: no ServiceAccount {account}"
        if owner["kind"] != "Job" and not _selects(owner["spec"]["selector"], template["metadata"]["labels"]):
            yield f"{who}: its selector does not select its own pods"
        for constraint in spec.get("topologySpreadConstraints", []):
            if not _selects(constraint["labelSelector"], template["metadata"]["labels"]):
                yield f"{who}: spreads other pods than its own"
        claims = {one["metadata"]["name"] for one in owner["spec"].get("volumeClaimTemplates", [])}
        volumes = {one["name"] for one in spec.get("volumes", [])} | claims
        for volume in spec.get("volumes", []):
            yield from (f"{who}: volume {volume['name']}: {fault}" for fault in self._volume(volume))
        mounted: set[str] = set()
        for container in containers(template):
            names = [mount["name"] for mount in container.get("volumeMounts", [])]
            mounted |= set(names)
            yield from (f"{who}: mounts {name}, which is no volume" for name in names if name not in volumes)
            yield from (f"{who}: {fault}" for fault in self._environment(container))
            yield from (f"{who}: {fault}" for fault in _probes(container))
        yield from (f"{who}: volume {name} is mounted nowhere" for name in sorted(volumes - mounted))
        if owner["kind"] == "StatefulSet":
            service = owner["spec"]["serviceName"]
            headless = [one for one in self._of("Service") if one["metadata"]["name"] == service]
            if not headless or headless[0]["spec"].get("clusterIP") != "None":
                yield f"{who}: {service} is no headless Service"

    def _volume(self, volume: Mapping[str, Any]) -> Iterator[str]:
        if "configMap" in volume:
            yield from self._key("ConfigMap", volume["configMap"]["name"], None)
        if "secret" in volume:
            keys = [item["key"] for item in volume["secret"].get("items", [])] or [None]
            for key in keys:
                yield from self._key("Secret", volume["secret"]["secretName"], key)

    def _environment(self, container: Mapping[str, Any]) -> Iterator[str]:
        for source in container.get("envFrom", []):
            for kind, field in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
                if field in source:
                    yield from self._key(kind, source[field]["name"], None)
        known: set[str] = set()
        for variable in container.get("env", []):
            for kind, field in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
                if field in variable.get("valueFrom", {}):
                    reference = variable["valueFrom"][field]
                    yield from self._key(kind, reference["name"], reference["key"])
            for used in _substituted(variable.get("value", "")):
                if used not in known:
                    yield f"{variable['name']} uses $({used}), which is not set before it"
            known.add(variable["name"])

    def _key(self, kind: str, name: str, key: str | None) -> Iterator[str]:
        there = (self.config if kind == "ConfigMap" else self.secrets).get(name)
        if there is None:
            yield f"no {kind} {name}"
        elif key is not None and key not in there:
            yield f"{kind} {name} has no key {key}"

    # What selects pods

    def _chosen(self, selector: Mapping[str, Any]) -> list[Manifest]:
        return [template for _, template in self.pods if _selects(selector, template["metadata"]["labels"])]

    def _service(self, one: Manifest) -> Iterator[str]:
        templates = self._chosen({"matchLabels": one["spec"]["selector"]})
        if not templates:
            yield "selects no pod"
        for template in templates:
            for port in one["spec"]["ports"]:
                if port["targetPort"] not in _ports(template):
                    yield f"no port {port['targetPort']!r} in the pods"

    def _poddisruptionbudget(self, one: Manifest) -> Iterator[str]:
        if not self._chosen(one["spec"]["selector"]):
            yield "selects no pod"

    def _podmonitor(self, one: Manifest) -> Iterator[str]:
        selector = one["spec"]["selector"]
        if _managed(selector):
            if not self._of("Kafka"):
                yield "selects an operator's pods, and there is none"
            return
        templates = self._chosen(selector)
        if not templates:
            yield "selects no pod"
        for template in templates:
            for endpoint in one["spec"]["podMetricsEndpoints"]:
                if endpoint["port"] not in _ports(template):
                    yield f"no port {endpoint['port']!r} in the pods"

    def _networkpolicy(self, one: Manifest) -> Iterator[str]:
        spec = one["spec"]
        if not self._known(spec["podSelector"]):
            yield "is for no pod"
        own = self._chosen(spec["podSelector"]) if not _managed(spec["podSelector"]) else []
        for rule in spec.get("ingress", []):
            yield from self._peers(rule.get("from", []))
            yield from _named_ports(rule, own)
        for rule in spec.get("egress", []):
            yield from self._peers(rule.get("to", []))
            chosen = [
                template
                for peer in rule.get("to", [])
                if "podSelector" in peer and not _managed(peer["podSelector"])
                for template in self._chosen(peer["podSelector"])
            ]
            yield from _named_ports(rule, chosen)

    def _peers(self, peers: list[Mapping[str, Any]]) -> Iterator[str]:
        for peer in peers:
            if (
                "podSelector" in peer
                and "namespaceSelector" not in peer
                and not self._known(peer["podSelector"])
            ):
                yield f"names a peer that is no pod: {peer['podSelector']}"

    def _known(self, selector: Mapping[str, Any]) -> bool:
        if not selector or _managed(selector):
            return not selector or bool(self._of("Kafka"))
        labels = selector.get("matchLabels", {})
        if labels.keys() <= {"tollbridge.io/query-client"}:
            return True  # for others' pods
        return bool(self._chosen(selector))

    # What refers to one object by its name

    def _ingress(self, one: Manifest) -> Iterator[str]:
        services = {service["metadata"]["name"]: service for service in self._of("Service")}
        for rule in one["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                ports = services.get(backend["name"], {}).get("spec", {}).get("ports", [])
                if backend["port"]["name"] not in {port["name"] for port in ports}:
                    yield f"no Service {backend['name']} with a port {backend['port']['name']}"
        hosts = {rule["host"] for rule in one["spec"]["rules"]}
        for tls in one["spec"]["tls"]:
            yield from self._key("Secret", tls["secretName"], "tls.crt")
            if set(tls["hosts"]) != hosts:
                yield f"TLS for {tls['hosts']}, rules for {sorted(hosts)}"

    def _horizontalpodautoscaler(self, one: Manifest) -> Iterator[str]:
        target = one["spec"]["scaleTargetRef"]
        if f"{target['kind']}/{target['name']}" not in self.names:
            yield f"no {target['kind']} {target['name']}"

    def _scaledobject(self, one: Manifest) -> Iterator[str]:
        target = one["spec"]["scaleTargetRef"]
        if f"{target.get('kind', 'Deployment')}/{target['name']}" not in self.names:
            yield f"no {target.get('kind', 'Deployment')} {target['name']}"
        for trigger in one["spec"]["triggers"]:
            reference = trigger.get("authenticationRef", {}).get("name")
            if f"TriggerAuthentication/{reference}" not in self.names:
                yield f"no TriggerAuthentication {reference}"
            topics = {topic["metadata"]["name"] for topic in self._of("KafkaTopic")}
            if trigger["metadata"]["topic"] not in topics:
                yield f"no topic {trigger['metadata']['topic']}"

    def _triggerauthentication(self, one: Manifest) -> Iterator[str]:
        for reference in one["spec"].get("secretTargetRef", []):
            yield from self._key("Secret", reference["name"], reference["key"])
        for reference in one["spec"].get("configMapTargetRef", []):
            yield from self._key("ConfigMap", reference["name"], reference["key"])

    def _kafkatopic(self, one: Manifest) -> Iterator[str]:
        yield from self._cluster(one)

    def _kafkanodepool(self, one: Manifest) -> Iterator[str]:
        yield from self._cluster(one)

    def _kafkauser(self, one: Manifest) -> Iterator[str]:
        yield from self._cluster(one)
        topics = {topic["metadata"]["name"] for topic in self._of("KafkaTopic")}
        for acl in one["spec"]["authorization"]["acls"]:
            resource = acl["resource"]
            if resource["type"] == "topic" and resource["name"] not in topics:
                yield f"no topic {resource['name']}"

    def _cluster(self, one: Manifest) -> Iterator[str]:
        cluster = one["metadata"].get("labels", {}).get("strimzi.io/cluster")
        if f"Kafka/{cluster}" not in self.names:
            yield f"no Kafka {cluster}"


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    wanted = selector.get("matchLabels", {})
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", [])
    )


def _managed(selector: Mapping[str, Any]) -> bool:
    labels = selector.get("matchLabels", {})
    return bool(labels) and labels.keys() <= _MANAGED


def _ports(template: Manifest) -> set[str]:
    return {port["name"] for container in containers(template) for port in container.get("ports", [])}


def _named_ports(rule: Mapping[str, Any], templates: list[Manifest]) -> Iterator[str]:
    for port in rule.get("ports", []):
        if isinstance(port["port"], str):
            yield from (
                f"no port {port['port']!r} in the pods"
                for template in templates
                if port["port"] not in _ports(template)
            )


def _probes(container: Mapping[str, Any]) -> Iterator[str]:
    ports = {port["name"] for port in container.get("ports", [])}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        for how in ("httpGet", "tcpSocket"):
            port = container.get(probe, {}).get(how, {}).get("port")
            if port is not None and port not in ports:
                yield f"{probe} asks port {port!r}, which {container['name']} has not"


def _substituted(value: str) -> list[str]:
    return [part.partition(")")[0] for part in value.split("$(")[1:]]
