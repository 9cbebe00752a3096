"""The scripts, with a kubectl on PATH that notes what it is asked and fails when it is told to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nkeys
import pytest

from tests.k8s.rendered import ROOT

FAKE = """\
#!{python} -IS
import json, os, pathlib, sys
home = pathlib.Path({home!r})
asked = [word for word in sys.argv[1:]]
line = " ".join(asked)
given = "" if sys.stdin.isatty() or "/dev/stdin" not in line else sys.stdin.read()
with (home / "calls").open("a") as calls:
    calls.write(json.dumps([line, given]) + "\\n")
plan = json.loads((home / "plan").read_text())
if any(word in line for word in plan["fail"]):
    sys.exit(1)
if any(word in line for word in plan["fail_once"]):
    plan["fail_once"] = []
    (home / "plan").write_text(json.dumps(plan))
    sys.exit(1)
for word, answer in plan["answers"].items():
    if word in line:
        print(answer)
        break
"""
THERE = "statefulset.apps/tollbridge-nats\nconfigmap/tollbridge-nats\nservice/tollbridge-nats"


def jsz(leader: str = "tollbridge-nats-1", size: int = 3) -> str:
    """The part of /jsz that is read, as nats-server 2.15.1 answers."""
    replicas = [
        {"name": "tollbridge-nats-0", "current": True},
        {"name": "tollbridge-nats-2", "current": True},
    ]
    meta = {"name": "tollbridge", "leader": leader, "peer": "x", "replicas": replicas, "cluster_size": size}
    return json.dumps({"memory": 0, "meta_cluster": meta, "total": 1}, indent=2)


class Cluster:
    """The fake cluster: what it answers, and what it was asked."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "bin").mkdir()
        kubectl = home / "bin/kubectl"
        kubectl.write_text(FAKE.format(python=sys.executable, home=str(home)))
        kubectl.chmod(0o755)
        self.overlay = home / "overlay"
        self.overlay.mkdir()
        (self.overlay / "kustomization.yaml").write_text("resources: []\n")
        (self.overlay / "keys.conf").write_text("SINK_KEY: UMINE\n")
        self.answers = {
            "wget -q -O - http://127.0.0.1:8222/jsz": jsz(),
            "get job": "job.batch/tollbridge-nats-check\njob.batch/tollbridge-nats-stream",
            "get pod": "pod/tollbridge-nats-2 pod/tollbridge-nats-2 ",
        }

    def run(
        self,
        *arguments: str,
        script: str = "deploy-nats.sh",
        fail: Sequence[str] = (),
        fail_once: Sequence[str] = (),
        there: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run the script; kubectl fails where its words contain one of `fail`."""
        answers = dict(self.answers)
        if there:
            answers["get statefulset,configmap,service,poddisruptionbudget,networkpolicy"] = THERE
            answers["apply view-last-applied"] = "kind: Remembered"
        plan = {"fail": list(fail), "fail_once": list(fail_once), "answers": answers}
        (self.home / "plan").write_text(json.dumps(plan))
        (self.home / "calls").write_text("")
        return subprocess.run(
            [str(ROOT / "k8s/scripts" / script), *arguments, str(self.overlay)],
            env={
                "PATH": f"{self.home / 'bin'}:{os.environ['PATH']}",
                "TMPDIR": str(self.home),
                "PYTHON": sys.executable,
                "HOME": str(self.home),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def calls(self) -> list[str]:
        lines = (self.home / "calls").read_text().splitlines()
        return [json.loads(line)[0].removeprefix("--namespace tollbridge ") for line in lines]

    @property
    def given(self) -> dict[str, str]:
        """What came by standard input, by the name of the Secret."""
        found = [json.loads(line) for line in (self.home / "calls").read_text().splitlines()]
        return {line.split("generic ")[1].split()[0]: given for line, given in found if given}

    def order(self, *steps: str) -> list[int]:
        """Where each step was first asked for; fails when one never was."""
        return [next(n for n, call in enumerate(self.calls) if step in call) for step in steps]


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def changes(calls: Sequence[str]) -> list[str]:
    """The calls that change something."""
    verbs = ("apply --", "delete", "create", "rollout undo", "patch", "replace")
    return [call for call in calls if call.startswith(verbs)]


def test_it_applies_waits_verifies_writes_and_reads_in_that_order(cluster: Cluster) -> None:
    done = cluster.run()
    assert done.returncode == 0, done.stderr
    order = cluster.order(
        "kustomize",
        "version",
        "get secret tollbridge-nats-routes",
        "get statefulset,configmap",
        "apply view-last-applied statefulset.apps/tollbridge-nats",
        "delete job",
        "component!=job",
        "rollout status statefulset/tollbridge-nats",
        "exec tollbridge-nats-0",
        "exec tollbridge-nats-2",
        "component=job",
        "wait job.batch/tollbridge-nats-check --for=condition=complete",
        "wait job.batch/tollbridge-nats-stream --for=condition=complete",
    )
    assert order == sorted(order)
    assert "NATS works" in done.stderr
    assert not list(cluster.home.glob("tmp.*")), "nothing is left behind"


FAILING_STEPS = [
    "component!=job",
    "rollout status",
    "exec tollbridge-nats-1",
    "apply --kustomize {overlay} --selector app.kubernetes.io/name=nats,app.kubernetes.io/component=job",
    "wait job.batch/tollbridge-nats-check",
]


@pytest.mark.parametrize("step", FAILING_STEPS)
def test_whichever_step_fails_what_was_there_is_put_back(cluster: Cluster, step: str) -> None:
    done = cluster.run(fail_once=[step.format(overlay=cluster.overlay)])
    assert done.returncode == 1, done.stderr
    calls = cluster.calls
    restored = [call for call in calls if call.startswith("apply --filename") and str(cluster.home) in call]
    assert len(restored) == 3
    assert {Path(call.split()[-1]).name for call in restored} == {
        "statefulset.apps_tollbridge-nats.yaml",
        "configmap_tollbridge-nats.yaml",
        "service_tollbridge-nats.yaml",
    }
    assert calls.count("delete pod/tollbridge-nats-2 --wait=false") == 1, "the pod that never became ready"
    assert calls[-1].startswith("rollout status"), "the rollback is waited for"
    assert "rolled back" in done.stderr
    assert not any("persistentvolumeclaim" in call or "pvc" in call for call in calls)


def test_where_there_was_nothing_a_failure_leaves_nothing_but_volumes(cluster: Cluster) -> None:
    done = cluster.run(fail_once=["rollout status"], there=False)
    assert done.returncode == 1
    last = cluster.calls[-1]
    assert last.startswith(
        "delete statefulset,configmap,service,poddisruptionbudget,networkpolicy --selector"
    )
    assert "persistentvolumeclaim" not in last


def test_a_rollback_that_fails_says_so_and_keeps_what_was_remembered(cluster: Cluster) -> None:
    done = cluster.run(fail=["rollout status"])
    assert done.returncode == 3
    kept = Path(done.stderr.strip().rpartition(" ")[2])
    assert (kept / "configmap_tollbridge-nats.yaml").read_text() == "kind: Remembered\n"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (jsz(leader=""), "knows no leader"),
        (jsz(size=2), "does not count 3 servers"),
        ("", "knows no leader"),
    ],
)
def test_servers_without_a_quorum_are_not_enough(cluster: Cluster, answer: str, said: str) -> None:
    cluster.answers["wget -q -O - http://127.0.0.1:8222/jsz"] = answer
    done = cluster.run()
    assert done.returncode == 1
    assert said in done.stderr
    assert "component=job" not in " ".join(cluster.calls), "it goes no further"


def test_servers_that_follow_different_leaders_are_not_enough(cluster: Cluster) -> None:
    answers = {f"exec tollbridge-nats-{n} --container nats -- wget -q -O - http://127.0.0.1:8222/jsz": jsz(
        f"tollbridge-nats-{n}") for n in range(3)}  # fmt: skip
    cluster.answers = {**answers, **cluster.answers}
    done = cluster.run()
    assert done.returncode == 1
    assert "follows" in done.stderr


def test_a_dry_run_changes_nothing(cluster: Cluster) -> None:
    done = cluster.run("--dry-run")
    assert done.returncode == 0, done.stderr
    assert changes(cluster.calls) == []
    assert any(call.startswith("diff") for call in cluster.calls)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("kustomize", "cannot be rendered"),
        ("version", "does not answer"),
        ("get secret", "make-keys.sh"),
        ("view-last-applied configmap", "could not be put back"),
    ],
)
def test_what_is_missing_is_said_before_anything_changes(cluster: Cluster, missing: str, said: str) -> None:
    done = cluster.run(fail=[missing])
    assert done.returncode == 2
    assert said in done.stderr
    assert changes(cluster.calls) == []


def test_the_example_keys_are_refused(cluster: Cluster) -> None:
    shutil.copy(ROOT / "k8s/base/nats/keys.conf", cluster.overlay / "keys.conf")
    done = cluster.run()
    assert done.returncode == 2
    assert "make-keys.sh" in done.stderr
    assert changes(cluster.calls) == []


def test_wrong_usage_is_said(cluster: Cluster) -> None:
    assert cluster.run("--force").returncode == 2
    (cluster.overlay / "kustomization.yaml").unlink()
    assert "kustomization.yaml" in cluster.run().stderr


# make-keys.sh


def test_keys_are_made_seeds_for_secrets_public_ones_for_the_overlay(cluster: Cluster) -> None:
    done = cluster.run(script="make-keys.sh", fail=["get secret"])
    assert done.returncode == 0, done.stderr
    written = (cluster.overlay / "keys.conf").read_text()
    public = dict(line.split(": ") for line in written.splitlines() if line)
    users = ("OPERATOR", "SINK", "BOOTSTRAP", "READER", "REGION")
    assert set(public) == {f"{user}_KEY" for user in users}
    for user in users:
        seed = cluster.given[f"tollbridge-nats-{user.lower()}-nkey"]
        assert nkeys.from_seed(seed.encode()).public_key.decode() == public[f"{user}_KEY"]
        assert seed not in written + done.stdout + done.stderr
        assert seed not in " ".join(cluster.calls), "a secret on a command line is in the process list"
    assert "tollbridge-nats-2.tollbridge-nats-headless:6222" in cluster.given["tollbridge-nats-routes"]


def test_keys_that_are_there_stay(cluster: Cluster) -> None:
    before = (cluster.overlay / "keys.conf").read_text()
    assert cluster.run(script="make-keys.sh").returncode == 0
    assert (cluster.overlay / "keys.conf").read_text() == before
    assert changes(cluster.calls) == [f"apply --filename {ROOT}/k8s/base/common/namespace.yaml"]


def test_a_dry_run_makes_no_keys(cluster: Cluster) -> None:
    before = (cluster.overlay / "keys.conf").read_text()
    assert cluster.run("--dry-run", script="make-keys.sh", fail=["get secret"]).returncode == 0
    assert (cluster.overlay / "keys.conf").read_text() == before
    assert changes(cluster.calls) == []


def test_a_password_that_would_break_an_address_is_refused() -> None:
    for password in ("short", "p@ss" * 10):
        script = [str(ROOT / "k8s/scripts/nats-routes.sh"), password, "a:1"]
        assert subprocess.run(script, capture_output=True, check=False).returncode == 2
