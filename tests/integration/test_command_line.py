"""The command line as people use it: up, send and demo, as processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from app.local.application import is_setting
from app.local.java import missing

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(180)]

TOLLBRIDGE = [sys.executable, "-m", "app.cli.main"]
UP_WITHIN = 90.0


def environment(**extra: str) -> dict[str, str]:
    """Ours without any setting."""
    return {**{name: value for name, value in os.environ.items() if not is_setting(name)}, **extra}


class Running:
    """A `tollbridge up` in a directory of its own."""

    def __init__(self, directory: Path, arguments: Sequence[str], **extra: str) -> None:
        self.directory = directory
        self.log = directory / "up.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*TOLLBRIDGE, "up", *arguments],
                cwd=directory,
                env=environment(**extra),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def status(self) -> Path:
        return self.directory / ".tollbridge" / "stack.json"

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + UP_WITHIN
        while not self.status.exists():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def children(self) -> list[int]:
        """Ids of its processes, read from /proc: those whose parent it is."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit():
                    parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                    if int(parent) == self.process.pid:
                        found.append(int(entry.name))
        return found

    def child(self, module: str) -> int:
        (found,) = [
            pid for pid in self.children() if module in Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        ]
        return found

    def send(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*TOLLBRIDGE, "send", *arguments],
            cwd=self.directory,
            env=environment(**extra),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Running]:
    # A group on Tansu is joined in half the session timeout.
    quick = {
        "TOLLBRIDGE_SESSION_TIMEOUT": "3",
        "TOLLBRIDGE_HEARTBEAT_INTERVAL": "1",
        "TOLLBRIDGE_DELIVERY_TIMEOUT": "1",
    }
    running = Running(tmp_path, ["--without", "nats"], **quick)
    try:
        running.wait_until_up()
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.wait()


def none_left(pids: Sequence[int]) -> bool:
    return not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_a_stack_takes_events_ends_in_order_and_leaves_nothing(up: Running) -> None:
    assert stat.S_IMODE(up.status.stat().st_mode) == 0o600
    status = json.loads(up.status.read_text())
    assert "nats" not in status["addresses"]

    sent = up.send("--type", "invoice.paid", "--customer", "cus_cli", "--subscription", "sub_cli")
    assert (sent.returncode, sent.stderr) == (0, "")
    assert sent.stdout.startswith("200 evt_")

    openmeter = status["addresses"]["openmeter-sandbox"]
    deadline = time.monotonic() + 20
    while not (found := httpx.get(f"{openmeter}/api/v1/events", params={"subject": "cus_cli"}).json()):
        assert time.monotonic() < deadline, up.log.read_text()
        time.sleep(0.1)
    assert found[0]["event"]["type"] == "payment.success"

    refused = up.send("--type", "invoice.paid", "--secret-env", "WRONG", WRONG="whsec_wrong")
    assert refused.returncode == 1
    assert refused.stdout.startswith("400 evt_")

    children = up.children()
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(60) == 0
    assert none_left(children)
    assert not up.status.exists()
    log = up.log.read_text()
    assert "forgets everything on exit" in log
    order = [log.index(f"{part:<18}■ stopped") for part in ("ingress", "lifecycle", "tansu")]
    assert order == sorted(order)
    assert "Traceback" not in log


def test_a_part_that_dies_ends_the_stack_and_is_named(up: Running) -> None:
    children = up.children()
    os.kill(up.child("app.processes.lifecycle"), signal.SIGKILL)
    assert up.process.wait(60) == 1
    assert "lifecycle ended by itself with SIGKILL" in up.log.read_text()
    assert none_left(children)


def test_no_part_outlives_a_stack_that_is_killed(up: Running) -> None:
    children = up.children()
    up.process.kill()
    up.process.wait()
    deadline = time.monotonic() + 10
    while not none_left(children):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    sent = up.send("--type", "invoice.paid", STRIPE_WEBHOOK_SECRETS="whsec_1")
    assert sent.returncode == 1
    assert "no ingress answers at" in sent.stderr


def demo(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TOLLBRIDGE, "demo", *arguments],
        cwd=directory,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )


def test_the_demo_finds_exactly_what_it_expects(tmp_path: Path) -> None:
    shown = demo(tmp_path)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "hold exactly the 29 facts that they should, once each" in shown.stdout
    assert "\x1b" not in shown.stdout


@pytest.mark.kafka
def test_the_demo_finds_the_same_on_apache_kafka() -> None:
    why = missing()
    if why is not None and os.environ.get("CI") == "true":
        pytest.fail(why)
    if why is not None:
        pytest.skip(why)
    shown = demo(Path.cwd(), "--broker", "kafka")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "hold exactly the 29 facts that they should, once each" in shown.stdout


def test_a_wrong_setting_is_a_sentence_before_anything_is_started(tmp_path: Path) -> None:
    answer = subprocess.run(
        [*TOLLBRIDGE, "up"],
        cwd=tmp_path,
        env=environment(TOLLBRIDGE_INGRESS_PORT="abc"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert answer.returncode == 2
    written = answer.stdout + answer.stderr
    assert "TOLLBRIDGE_INGRESS_PORT: Input should be a valid integer" in written
    assert "starting" not in written
    assert "Traceback" not in written
