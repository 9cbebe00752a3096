"""`python -m app.processes.ingress` as whoever runs it sees it, without Kafka."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stripe import WebhookSignature

from app.local.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "app.processes.ingress"]
EVENT = '{"id":"evt_1","object":"event","type":"invoice.paid","created":1,"data":{"object":{}}}'


def environment(**given: str) -> dict[str, str]:
    ours = ("TOLLBRIDGE_", "STRIPE_", "KAFKA_", "REDIS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | given


def run(**given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        COMMAND, cwd=ROOT, env=environment(**given), capture_output=True, text=True, timeout=30, check=False
    )


def test_without_a_secret_it_says_which_variable_to_set_and_exits_2() -> None:
    ended = run()
    assert ended.returncode == 2
    assert ended.stderr.startswith("STRIPE_WEBHOOK_SECRETS: not set")
    assert len(ended.stderr.splitlines()) == 1


def test_a_wrong_setting_is_named_and_exits_2() -> None:
    ended = run(STRIPE_WEBHOOK_SECRETS="whsec_hush", TOLLBRIDGE_INGRESS_PORT="eighty", KAFKA_URL="kafka://")
    assert ended.returncode == 2
    assert "TOLLBRIDGE_INGRESS_PORT: " in ended.stderr
    assert "hush" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_address_that_is_none_is_named_and_exits_2() -> None:
    ended = run(STRIPE_WEBHOOK_SECRETS="whsec_hush", KAFKA_URL="http://kafka:9092")
    assert ended.returncode == 2
    assert "KAFKA_URL" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_address_of_redis_that_is_none_is_named_without_its_password_and_exits_2() -> None:
    for wrong in ("http://:hush@redis", "redis://:hush@redis:port"):
        ended = run(STRIPE_WEBHOOK_SECRETS="whsec_1", REDIS_URL=wrong)
        assert ended.returncode == 2
        assert "REDIS_URL: " in ended.stderr
        assert "hush" not in ended.stderr
        assert "Traceback" not in ended.stderr


@contextmanager
def ingress(port: int, **given: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        COMMAND,
        cwd=ROOT,
        env=environment(STRIPE_WEBHOOK_SECRETS="whsec_hush", TOLLBRIDGE_INGRESS_PORT=str(port), **given),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def get(url: str, body: str | None = None) -> tuple[int, str]:
    request = urllib.request.Request(url)  # noqa: S310 - our own server on the loopback
    if body is not None:
        request.data = body.encode()
        header = WebhookSignature.generate_signature_header(body, "whsec_hush")
        request.add_header("Stripe-Signature", header)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - the same
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def until_it_listens(port: int) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            get(f"http://127.0.0.1:{port}/healthz")
        except urllib.error.URLError:
            assert time.monotonic() < end
            time.sleep(0.05)
        else:
            return


def test_while_kafka_is_away_it_is_alive_not_ready_and_takes_nothing() -> None:
    port = free_port().number
    with ingress(port, KAFKA_URL="kafka://127.0.0.1:1", TOLLBRIDGE_LOG_FORMAT="json") as process:
        until_it_listens(port)
        url = f"http://127.0.0.1:{port}"
        assert get(f"{url}/healthz") == (200, '{"status":"alive"}')
        status, report = get(f"{url}/readyz")
        assert status == 503
        checks = json.loads(report)["checks"]
        assert {name: check["status"] for name, check in checks.items()} == {
            "kafka": "not_ready",
            "topics": "not_ready",
            "process": "ready",
        }
        assert get(f"{url}/webhooks/stripe", EVENT)[0] == 503
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
        assert process.returncode == 0
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert events[0] == "ingress_started"
    assert events[-1] == "ingress_stopped"
    assert events.count("librdkafka") <= 3
    assert "hush" not in log


def test_a_taken_port_is_named_and_exits_1() -> None:
    port = free_port().number
    with ingress(port, KAFKA_URL="kafka://127.0.0.1:1"):
        until_it_listens(port)
        ended = run(STRIPE_WEBHOOK_SECRETS="whsec_hush", TOLLBRIDGE_INGRESS_PORT=str(port))
    assert ended.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr
