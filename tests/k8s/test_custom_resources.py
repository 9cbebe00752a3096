"""Objects of Strimzi, KEDA and the Prometheus operator, against what these say of them."""

from __future__ import annotations

import pytest

from tests.k8s.custom_schemas import strimzi_faults, typed_faults
from tests.k8s.rendered import OVERLAYS, Manifest, find, render

pytestmark = pytest.mark.timeout(400)  # the first time, Maven and npm fetch


def _of(group: tuple[str, ...], manifests: list[Manifest]) -> list[Manifest]:
    return [one for one in manifests if one["apiVersion"].startswith(group)]


def _all(*group: str) -> list[Manifest]:
    return [one for overlay in OVERLAYS for one in _of(group, render(overlay))]


def test_kafka_objects_keep_to_strimzis_schemas() -> None:
    objects = _all("kafka.strimzi.io")
    assert {one["kind"] for one in objects} == {"Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser"}
    assert strimzi_faults(objects) == []


def test_what_strimzi_would_not_take_is_found() -> None:
    manifests = render("production")
    kafka = find(manifests, "Kafka", "tollbridge")
    kafka["spec"]["kafka"]["listners"] = []
    assert any("listners" in fault for fault in strimzi_faults([kafka]))
    topic = find(manifests, "KafkaTopic", "stripe.events")
    topic["apiVersion"] = "kafka.strimzi.io/v1beta2"
    assert any("v1beta2" in fault for fault in strimzi_faults([topic]))
    user = find(manifests, "KafkaUser", "tollbridge-ingress")
    user["spec"]["authorization"]["acls"][0]["operations"] = ["Publish"]
    assert any("Publish" in fault for fault in strimzi_faults([user]))
    pool = find(manifests, "KafkaNodePool", "broker")
    del pool["spec"]["roles"]
    assert any("roles" in fault for fault in strimzi_faults([pool]))


def test_scaling_and_monitoring_keep_to_their_operators_types() -> None:
    objects = _all("keda.sh", "monitoring.coreos.com")
    assert {one["kind"] for one in objects} == {
        "ScaledObject",
        "TriggerAuthentication",
        "PodMonitor",
        "PrometheusRule",
    }
    assert typed_faults(objects) == []


def test_what_keda_or_prometheus_would_not_take_is_found() -> None:
    manifests = render("production")
    scaled = find(manifests, "ScaledObject", "tollbridge-openmeter")
    scaled["spec"]["minReplicas"] = 1
    monitor = find(manifests, "PodMonitor", "tollbridge")
    monitor["spec"]["podMetricsEndpoints"][0]["intervall"] = "15s"
    reference = find(manifests, "TriggerAuthentication", "tollbridge-kafka-lag")
    del reference["spec"]["secretTargetRef"][0]["key"]
    faults = " ".join(typed_faults([scaled, monitor, reference]))
    assert "minReplicas" in faults
    assert "intervall" in faults
    assert "'\"key\"' is missing" in faults
