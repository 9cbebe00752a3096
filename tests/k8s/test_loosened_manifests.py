"""What the policies and references are worth: each is broken once, and has to be found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.k8s.policies import findings
from tests.k8s.references import Objects
from tests.k8s.rendered import Manifest, find, render


def _template(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    return dict(find(manifests, kind, name)["spec"]["template"])


def _pod(manifests: list[Manifest]) -> Any:
    return _template(manifests, "Deployment", "tollbridge-ingress")["spec"]


def _container(manifests: list[Manifest]) -> Any:
    return _pod(manifests)["containers"][0]


def _spec(manifests: list[Manifest], identity: str) -> Any:
    return find(manifests, *identity.split("/"))["spec"]


def _set(target: Callable[[list[Manifest]], Any], path: str, value: Any) -> Callable[[list[Manifest]], None]:
    """Return what sets `path` (dots between) below `target`; None removes it."""

    def change(manifests: list[Manifest]) -> None:
        *way, last = path.split(".")
        there = target(manifests)
        for step in way:
            there = there[int(step) if step.isdigit() else step]
        if value is None:
            del there[int(last) if last.isdigit() else last]
        else:
            there[int(last) if last.isdigit() else last] = value

    return change


def _of(identity: str) -> Callable[[list[Manifest]], Any]:
    return lambda manifests: _spec(manifests, identity)


def _without(identity_: str) -> Callable[[list[Manifest]], None]:
    def change(manifests: list[Manifest]) -> None:
        manifests.remove(find(manifests, *identity_.split("/")))

    return change


LOOSENED: list[tuple[str, Callable[[list[Manifest]], None]]] = [
    ("may run as root", _set(_pod, "securityContext.runAsNonRoot", False)),
    ("image's user", _set(_pod, "securityContext.runAsUser", 0)),
    ("no seccomp", _set(_pod, "securityContext.seccompProfile", None)),
    ("hostNetwork", _set(_pod, "hostNetwork", True)),
    ("a token", _set(_pod, "automountServiceAccountToken", True)),
    ("NATS_PORT", _set(_pod, "enableServiceLinks", None)),
    ("kind that is not allowed", _set(_pod, "volumes.0", {"name": "x", "hostPath": {"path": "/"}})),
    ("thirty seconds", _set(_pod, "terminationGracePeriodSeconds", None)),
    ("gain privileges", _set(_container, "securityContext.allowPrivilegeEscalation", True)),
    ("is privileged", _set(_container, "securityContext.privileged", True)),
    ("root file system", _set(_container, "securityContext.readOnlyRootFilesystem", False)),
    (
        "keeps capabilities",
        _set(_container, "securityContext.capabilities", {"drop": ["ALL"], "add": ["NET_RAW"]}),
    ),
    ("root after all", _set(_container, "securityContext.runAsUser", 0)),
    ("host port", _set(_container, "ports.0.hostPort", 8080)),
    ("no version", _set(_container, "image", "ghcr.io/tollbridge/tollbridge:latest")),
    ("what it needs", _set(_container, "resources.requests", {"cpu": "1"})),
    ("no limit", _set(_container, "resources.limits", {})),
    ("no readinessProbe", _set(_container, "readinessProbe", None)),
    ("no livenessProbe", _set(_container, "livenessProbe", None)),
    ("plain sight", _set(_container, "env.1", {"name": "KAFKA_PASSWORD", "value": "x"})),
    ("run for ever", _set(_of("Job/tollbridge-nats-stream"), "activeDeadlineSeconds", None)),
    ("0 disruption budgets", _without("PodDisruptionBudget/tollbridge-nats")),
    ("or blocks", _set(_of("PodDisruptionBudget/tollbridge-ingress"), "maxUnavailable", 2)),
    (
        "its node's drain",
        _set(_of("PodDisruptionBudget/tollbridge-ingress"), "unhealthyPodEvictionPolicy", "IfHealthyBudget"),
    ),
    ("denies by default", _without("NetworkPolicy/default-deny")),
    ("denies by default", _set(_of("NetworkPolicy/default-deny"), "policyTypes", ["Ingress"])),
    ("lets everybody in", _set(_of("NetworkPolicy/tollbridge-nats"), "ingress.0.from", [])),
    ("to every port", _set(_of("NetworkPolicy/tollbridge-nats"), "ingress.0.ports", [])),
    ("every pod in", _set(_of("NetworkPolicy/tollbridge-nats"), "ingress.0.from.0", {"podSelector": {}})),
    (
        "internet in",
        _set(_of("NetworkPolicy/tollbridge-nats"), "ingress.0.from.0", {"ipBlock": {"cidr": "0.0.0.0/0"}}),
    ),
    ("out to everybody", _set(_of("NetworkPolicy/tollbridge-openmeter"), "egress.1.to", [])),
    ("every port of the internet", _set(_of("NetworkPolicy/tollbridge-openmeter"), "egress.1.ports", [])),
    ("do everything", _set(_of("Kafka/tollbridge"), "kafka.authorization", None)),
    ("typing error", _set(_of("Kafka/tollbridge"), "kafka.config", {})),
    ("not encrypted", _set(_of("Kafka/tollbridge"), "kafka.listeners.0.tls", False)),
    ("asks for no name", _set(_of("Kafka/tollbridge"), "kafka.listeners.0.authentication", None)),
    ("restricted namespace", _set(_of("KafkaNodePool/broker"), "template.pod.securityContext", {})),
    ("gain privileges", _set(_of("Kafka/tollbridge"), "kafkaExporter.template.container", {})),
    (
        "one named resource",
        _set(_of("KafkaUser/tollbridge-ingress"), "authorization.acls.0.resource.patternType", "prefix"),
    ),
    ("may ['All']", _set(_of("KafkaUser/tollbridge-ingress"), "authorization.acls.0.operations", ["All"])),
    ("secret among", lambda manifests: manifests.append({"kind": "Secret", "metadata": {"name": "x"}})),
    (
        "does not enforce",
        lambda manifests: find(manifests, "Namespace", "tollbridge")["metadata"].pop("labels"),
    ),
]


@pytest.mark.parametrize(
    ("finding", "loosen"), LOOSENED, ids=[f"{n}-{one[0]}" for n, one in enumerate(LOOSENED)]
)
def test_what_is_loosened_is_found(finding: str, loosen: Callable[[list[Manifest]], None]) -> None:
    manifests = render("production")
    loosen(manifests)
    assert any(finding in found for found in findings(manifests)), findings(manifests)


BROKEN: list[tuple[str, Callable[[list[Manifest]], None]]] = [
    ("selects no pod", _set(_of("Service/tollbridge-nats"), "selector", {"app.kubernetes.io/name": "nat"})),
    ("no port 'https'", _set(_of("Service/tollbridge-ingress"), "ports.0.targetPort", "https")),
    ("no ServiceAccount", _set(_pod, "serviceAccountName", "default-admin")),
    ("no ConfigMap", _set(_container, "envFrom.0.configMapRef.name", "settings")),
    ("no Secret", _set(_container, "envFrom.1.secretRef.name", "stripe")),
    ("has no key", _set(_container, "env.1.valueFrom.secretKeyRef.key", "pass")),
    ("mounts x", _set(_container, "volumeMounts.0.name", "x")),
    ("mounted nowhere", _set(_container, "volumeMounts.0", None)),
    (
        "Probe asks port",
        lambda manifests: _container(manifests)["readinessProbe"]["httpGet"].update(port="x"),
    ),
    ("not set before it", _set(_container, "env.0.value", "$(NOBODY)")),
    ("no headless Service", _set(_of("StatefulSet/tollbridge-nats"), "serviceName", "tollbridge-nats")),
    ("its own pods", _set(_of("Deployment/tollbridge-ingress"), "selector.matchLabels", {"a": "b"})),
    (
        "spreads other pods",
        _set(_pod, "topologySpreadConstraints.0.labelSelector", {"matchLabels": {"a": "b"}}),
    ),
    ("with a port", _set(_of("Ingress/tollbridge"), "rules.0.http.paths.0.backend.service.port.name", "x")),
    ("TLS for", _set(_of("Ingress/tollbridge"), "tls.0.hosts", ["example.org"])),
    ("no Deployment", _set(_of("HorizontalPodAutoscaler/tollbridge-ingress"), "scaleTargetRef.name", "x")),
    ("no Deployment", _set(_of("ScaledObject/tollbridge-openmeter"), "scaleTargetRef.name", "x")),
    (
        "no TriggerAuth",
        _set(_of("ScaledObject/tollbridge-openmeter"), "triggers.0.authenticationRef.name", "x"),
    ),
    ("no topic", _set(_of("ScaledObject/tollbridge-openmeter"), "triggers.0.metadata.topic", "billing")),
    ("has no key", _set(_of("TriggerAuthentication/tollbridge-kafka-lag"), "secretTargetRef.0.key", "pw")),
    ("no topic", _set(_of("KafkaUser/tollbridge-ingress"), "authorization.acls.0.resource.name", "stripe")),
    ("no port 'web'", _set(_of("PodMonitor/tollbridge"), "podMetricsEndpoints.0.port", "web")),
    (
        "selects no pod",
        _set(
            _of("PodDisruptionBudget/tollbridge-nats"),
            "selector.matchLabels",
            {"app.kubernetes.io/name": "x"},
        ),
    ),
    (
        "no pod:",
        _set(_of("NetworkPolicy/tollbridge-nats"), "ingress.0.from.0.podSelector.matchLabels", {"a": "b"}),
    ),
    ("is for no pod", _set(_of("NetworkPolicy/tollbridge-nats"), "podSelector.matchLabels", {"a": "b"})),
    ("no port 'x'", _set(_of("NetworkPolicy/tollbridge-nats-sink"), "egress.1.ports.0.port", "x")),
    (
        "no Kafka other",
        lambda manifests: find(manifests, "KafkaNodePool", "broker")["metadata"].update(
            labels={"strimzi.io/cluster": "other"}
        ),
    ),
]


@pytest.mark.parametrize(("fault", "break_it"), BROKEN, ids=[f"{n}-{one[0]}" for n, one in enumerate(BROKEN)])
def test_a_reference_that_leads_nowhere_is_found(
    fault: str, break_it: Callable[[list[Manifest]], None]
) -> None:
    manifests = render("production")
    break_it(manifests)
    found = list(Objects(manifests).faults())
    assert any(fault in one for one in found), found
