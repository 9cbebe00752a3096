"""The overlays as kubectl renders them."""

from __future__ import annotations

import copy
import functools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
OVERLAYS = ("production", "local", "second-region")
Manifest = dict[str, Any]


def cannot(reason: str) -> None:
    """Skip, except in CI, where what is missing is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@functools.cache
def _text(directory: str) -> str:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        cannot("kubectl was not found; the manifests are rendered with `kubectl kustomize`")
    done = subprocess.run(
        [str(kubectl), "kustomize", str(ROOT / directory)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def render(overlay: str) -> list[Manifest]:
    """All objects of an overlay, new ones at each call."""
    return copy.deepcopy(_parsed(overlay))


@functools.cache
def _parsed(overlay: str) -> list[Manifest]:
    return list(yaml.safe_load_all(_text(f"k8s/overlays/{overlay}")))


def identity(manifest: Manifest) -> str:
    """`Kind/name`."""
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def find(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    """The one object of that kind and name."""
    return next(one for one in manifests if identity(one) == f"{kind}/{name}")


def workloads(manifests: list[Manifest]) -> Iterator[tuple[Manifest, Manifest]]:
    """Everything that makes pods, with its pod template."""
    for one in manifests:
        if one["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield one, one["spec"]["template"]


def containers(template: Manifest) -> Iterator[Manifest]:
    """All containers of a pod template."""
    yield from template["spec"].get("initContainers", [])
    yield from template["spec"]["containers"]
