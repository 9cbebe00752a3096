"""The overlays, rendered: they fit together, and fit what the code wants."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate import utils as kubernetes

from app.kafka.topics import topic_specs
from app.metrics.labels import PROCESSES
from app.processes import lifecycle
from app.processes.worker import Worker
from app.settings import Settings, read_settings, variable
from tests.k8s.policies import findings
from tests.k8s.references import SECRETS, Objects
from tests.k8s.rendered import OVERLAYS, ROOT, Manifest, containers, find, identity, render, workloads

KUBERNETES = "1.34"
"""The oldest version that we say we support."""
CUSTOM = ("kafka.strimzi.io", "keda.sh", "monitoring.coreos.com")


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return render(request.param)


def test_every_object_keeps_to_kubernetes_schema(manifests: list[Manifest]) -> None:
    for one in manifests:
        if not one["apiVersion"].startswith(CUSTOM):
            kubernetes.validate(one, KUBERNETES, strict=True)


def test_a_misspelt_field_would_be_noticed() -> None:
    one = find(render("production"), "Deployment", "tollbridge-ingress")
    one["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes.ValidationError, match="readynessProbe"):
        kubernetes.validate(one, KUBERNETES, strict=True)


def test_every_reference_leads_somewhere(manifests: list[Manifest]) -> None:
    assert list(Objects(manifests).faults()) == []


def test_nothing_is_looser_than_it_may_be(manifests: list[Manifest]) -> None:
    assert findings(manifests) == []


def test_every_object_lives_in_the_namespace_and_once(manifests: list[Manifest]) -> None:
    assert {one["metadata"].get("namespace") for one in manifests if one["kind"] != "Namespace"} == {
        "tollbridge"
    }
    assert len({identity(one) for one in manifests}) == len(manifests)


# What the policies and references are worth: each is broken once


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


# What the code wants


_KNOWN = {variable(name) for name in Settings.model_fields} | {"STRIPE_WEBHOOK_SECRETS"}


def _settings_of(manifests: list[Manifest], container: Manifest) -> dict[str, str]:
    """The variables that a container of ours gets; made-up values for secrets."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        if "configMapRef" in source:
            found |= find(manifests, "ConfigMap", source["configMapRef"]["name"])["data"]
        else:
            found |= dict.fromkeys(SECRETS[source["secretRef"]["name"]], "whsec_made_up")
    for one in container.get("env", []):
        if "value" in one:
            found[one["name"]] = one["value"].replace("$(TOLLBRIDGE_INSTANCE_ID)", "tollbridge-lifecycle-0")
        else:
            field = "fieldRef" in one["valueFrom"]
            address = "redis://tollbridge-redis:6379" if one["name"] == "REDIS_URL" else "made-up"
            found[one["name"]] = "tollbridge-lifecycle-0" if field else address
    return found


def _ours(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Our containers by the module that they run."""
    return {
        container["args"][1]: container
        for _, template in workloads(manifests)
        for container in containers(template)
        if container["image"].rpartition("/")[2].startswith("tollbridge:") and container["args"][0] == "-m"
    }


def test_every_variable_is_a_setting_and_makes_sense(manifests: list[Manifest]) -> None:
    for module, container in _ours(manifests).items():
        given = _settings_of(manifests, container)
        assert given.keys() <= _KNOWN, module
        read_settings(given)


def test_the_four_processes_run_and_listen_where_they_are_asked() -> None:
    ours = _ours(render("production"))
    for process in PROCESSES:
        container = ours[f"app.processes.{process}"]
        settings = read_settings(_settings_of(render("production"), container))
        assert getattr(settings, f"{process}_port") == container["ports"][0]["containerPort"]
        assert settings.bind == "0.0.0.0"  # noqa: S104 - in a pod there is no other way
        assert [mount["mountPath"] for mount in container["volumeMounts"]].count("/etc/kafka-ca") == 1
        assert settings.kafka_ca_file == "/etc/kafka-ca/ca.crt"
        if process != "ingress":
            assert settings.data_dir in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_every_module_that_is_run_is_there() -> None:
    for overlay in OVERLAYS:
        for module in _ours(render(overlay)):
            assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module


async def _wanted_topics(settings: Settings, tmp_path: Path) -> dict[str, tuple[int, int, dict[str, str]]]:
    settings = settings.model_copy(update={"data_dir": str(tmp_path), "kafka_tls": False})
    worker = Worker("lifecycle", settings, 0, lifecycle.assemble)
    _, _, work = worker._build()
    specs = (*topic_specs(settings), *work.topics)
    return {spec.name: (spec.partitions, spec.replication, dict(spec.config)) for spec in specs}


@pytest.mark.parametrize("overlay", ["production", "local"])
async def test_topics_are_as_the_code_wants_them(overlay: str, tmp_path: Path) -> None:
    manifests = render(overlay)
    container = _ours(manifests)["app.processes.lifecycle"]
    wanted = await _wanted_topics(read_settings(_settings_of(manifests, container)), tmp_path)
    there = {
        one["metadata"]["name"]: (
            one["spec"]["partitions"],
            one["spec"]["replicas"],
            {key: str(value).lower() for key, value in one["spec"]["config"].items()},
        )
        for one in manifests
        if one["kind"] == "KafkaTopic"
    }
    assert there == wanted


def test_every_user_may_do_what_its_process_does_and_no_more() -> None:
    rights = {
        one["metadata"]["name"]: {
            (acl["resource"]["type"], acl["resource"]["name"]): set(acl["operations"])
            for acl in one["spec"]["authorization"]["acls"]
        }
        for one in render("production")
        if one["kind"] == "KafkaUser"
    }
    see, topic = {"Describe"}, "topic"
    stripe, billing, dead = (topic, "stripe.events"), (topic, "billing.events"), (topic, "dead.letters")
    sink = {stripe: see, billing: {"Describe", "Read"}, dead: {"Describe", "Write"}}
    table = {"Describe", "Read", "Write"}
    assert rights == {
        "tollbridge-ingress": {stripe: {"Describe", "Write"}, billing: see, dead: see},
        "tollbridge-lifecycle": {
            stripe: {"Describe", "Read"},
            billing: {"Describe", "Write"},
            dead: {"Describe", "Write"},
            (topic, "tollbridge-lifecycle-seen-changelog"): table,
            (topic, "tollbridge-lifecycle-subscriptions-changelog"): table,
            (topic, "tollbridge-lifecycle-timeline-changelog"): table,
            ("group", "tollbridge-lifecycle"): {"Read"},
        },
        "tollbridge-openmeter": {**sink, ("group", "tollbridge-openmeter"): {"Read"}},
        "tollbridge-nats-sink": {**sink, ("group", "tollbridge-nats"): {"Read"}},
        "tollbridge-keda": {
            billing: see,
            ("group", "tollbridge-openmeter"): see,
            ("group", "tollbridge-nats"): see,
        },
    }


def test_nobody_is_killed_while_it_finishes() -> None:
    manifests = render("production")
    ingress = find(manifests, "Deployment", "tollbridge-ingress")["spec"]["template"]["spec"]
    settings = read_settings(_settings_of(manifests, ingress["containers"][0]))
    pause = ingress["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    # Requests first, then what Kafka has not acknowledged yet.
    assert ingress["terminationGracePeriodSeconds"] > pause + 2 * settings.ingress_shutdown_timeout
    configuration = find(manifests, "ConfigMap", "tollbridge-nats")["data"]["nats.conf"]
    duck = sum(int(seconds) for seconds in re.findall(r'lame_duck_\w+: "(\d+)s"', configuration))
    server = find(manifests, "StatefulSet", "tollbridge-nats")["spec"]["template"]["spec"]
    assert server["terminationGracePeriodSeconds"] >= duck + 20


def test_scaling_never_goes_beyond_the_partitions() -> None:
    manifests = render("production")
    partitions = find(manifests, "KafkaTopic", "billing.events")["spec"]["partitions"]
    sinks = {one["metadata"]["name"]: one["spec"] for one in manifests if one["kind"] == "ScaledObject"}
    groups = {name: spec["triggers"][0]["metadata"]["consumerGroup"] for name, spec in sinks.items()}
    assert groups == {
        "tollbridge-openmeter": "tollbridge-openmeter",
        "tollbridge-nats-sink": "tollbridge-nats",
    }
    for spec in sinks.values():
        assert 1 <= spec["minReplicaCount"] <= spec["maxReplicaCount"] <= partitions
    assert find(manifests, "StatefulSet", "tollbridge-lifecycle")["spec"]["replicas"] <= partitions


def test_the_configuration_of_nats_is_the_one_that_is_tested() -> None:
    data = find(render("production"), "ConfigMap", "tollbridge-nats")["data"]
    for name in ("nats.conf", "accounts.conf", "leafnodes.conf"):
        assert data[name] == (ROOT / "k8s/base/nats" / name).read_text()


def test_the_reloader_watches_every_file_of_the_configuration() -> None:
    manifests = render("production")
    pod = find(manifests, "StatefulSet", "tollbridge-nats")["spec"]["template"]["spec"]
    reloader = next(one for one in pod["containers"] if one["name"] == "reloader")
    files = {f"/etc/nats/{name}" for name in find(manifests, "ConfigMap", "tollbridge-nats")["data"]}
    assert set(reloader["args"]) >= files | {"/etc/nats-routes/routes.conf"}


def test_the_internet_reaches_the_webhooks_only() -> None:
    for overlay in OVERLAYS:
        for one in render(overlay):
            if one["kind"] == "Ingress":
                paths = [path["path"] for rule in one["spec"]["rules"] for path in rule["http"]["paths"]]
                assert paths == ["/webhooks/stripe"]
            assert one["kind"] != "Service" or one["spec"].get("type", "ClusterIP") == "ClusterIP"


@pytest.mark.parametrize("component", ["redis", "region-home"])
def test_a_component_fits_the_production_overlay(component: str, tmp_path: Path) -> None:
    tree = tmp_path / "k8s"
    shutil.copytree(ROOT / "k8s", tree)
    overlay = tree / "overlays/production/kustomization.yaml"
    overlay.write_text(overlay.read_text() + f"components:\n  - ../../components/{component}\n")
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl was not found")
    command = [kubectl, "kustomize", str(overlay.parent)]
    rendered = subprocess.run(command, capture_output=True, text=True, check=False)
    assert rendered.returncode == 0, rendered.stderr
    manifests = list(yaml.safe_load_all(rendered.stdout))
    for one in manifests:
        if not one["apiVersion"].startswith(CUSTOM):
            kubernetes.validate(one, KUBERNETES, strict=True)
    assert findings(manifests) == []
    assert list(Objects(manifests).faults()) == []
    for module, container in _ours(manifests).items():
        assert _settings_of(manifests, container).keys() <= _KNOWN, module
        read_settings(_settings_of(manifests, container))


def test_docs_name_every_secret() -> None:
    text = "".join((ROOT / "docs" / name).read_text() for name in ("deployment.md", "multi-region.md"))
    assert {name for name in SECRETS if name not in text} == set()
