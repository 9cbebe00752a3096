"""The overlays, rendered: they fit together, and fit what the code wants."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

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
from tests.k8s.rendered import OVERLAYS, ROOT, Manifest, cannot, containers, find, identity, render, workloads

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


# What the code wants


MADE_UP = {"REDIS_URL": "redis://tollbridge-redis:6379", "STRIPE_API_KEY": "rk_test_made_up"}
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
            found[one["name"]] = "tollbridge-lifecycle-0" if field else MADE_UP.get(one["name"], "made-up")
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


def _topics(manifests: list[Manifest]) -> dict[str, tuple[int, int, dict[str, str]]]:
    return {
        one["metadata"]["name"]: (
            one["spec"]["partitions"],
            one["spec"]["replicas"],
            {key: str(value).lower() for key, value in one["spec"]["config"].items()},
        )
        for one in manifests
        if one["kind"] == "KafkaTopic"
    }


@pytest.mark.parametrize("overlay", ["production", "local"])
async def test_topics_are_as_the_code_wants_them(overlay: str, tmp_path: Path) -> None:
    manifests = render(overlay)
    container = _ours(manifests)["app.processes.lifecycle"]
    wanted = await _wanted_topics(read_settings(_settings_of(manifests, container)), tmp_path)
    assert _topics(manifests) == wanted


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
            stripe: table,
            (topic, "stripe.waiting"): table,
            billing: {"Describe", "Write"},
            dead: {"Describe", "Write"},
            (topic, "tollbridge-lifecycle-seen-changelog"): table,
            (topic, "tollbridge-lifecycle-subscriptions-changelog"): table,
            (topic, "tollbridge-lifecycle-timeline-changelog"): table,
            ("group", "tollbridge-lifecycle"): {"Read"},
            ("group", "tollbridge-waiting"): {"Read"},
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


def test_an_apply_does_not_set_back_what_has_been_scaled() -> None:
    manifests = render("production")
    scaled = [
        one["spec"]["scaleTargetRef"]["name"]
        for one in manifests
        if one["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")
    ]
    assert sorted(scaled) == ["tollbridge-ingress", "tollbridge-nats-sink", "tollbridge-openmeter"]
    assert all("replicas" not in find(manifests, "Deployment", name)["spec"] for name in scaled)


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


@pytest.mark.parametrize("component", ["redis", "region-home", "stripe-api"])
async def test_a_component_fits_the_production_overlay(component: str, tmp_path: Path) -> None:
    tree = tmp_path / "k8s"
    shutil.copytree(ROOT / "k8s", tree)
    overlay = tree / "overlays/production/kustomization.yaml"
    overlay.write_text(overlay.read_text() + f"components:\n  - ../../components/{component}\n")
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        cannot("kubectl was not found; the manifests are rendered with `kubectl kustomize`")
    command = [str(kubectl), "kustomize", str(overlay.parent)]
    rendered = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: ASYNC221 - nothing else runs
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
    lifecycle_settings = read_settings(_settings_of(manifests, _ours(manifests)["app.processes.lifecycle"]))
    assert _topics(manifests) == await _wanted_topics(lifecycle_settings, tmp_path)


def test_docs_name_every_secret() -> None:
    text = "".join((ROOT / "docs" / name).read_text() for name in ("deployment.md", "multi-region.md"))
    assert {name for name in SECRETS if name not in text} == set()
