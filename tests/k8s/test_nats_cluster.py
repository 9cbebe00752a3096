"""The manifests' nats.conf, run as the three servers that it is for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from nats.aio.client import Client
from nats.errors import Error as NatsError

from app.local.nats_server import _binary
from app.nats.make_stream import make_stream
from app.nats.write_and_read import write_and_read
from app.settings import read_settings
from tests.k8s.nats_cluster import ROOT, Cluster, Keys, publish, read_stream

STREAM = "BILLING_EVENTS"


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with Cluster(tmp_path, Keys()) as cluster:
        yield cluster


async def _held(cluster: Cluster) -> list[int]:
    """The messages in the stream, in order, as a reader gets them."""
    client = await cluster.connect("READER")
    try:
        return await read_stream(client, STREAM)
    finally:
        await client.close()


async def _accepted(cluster: Cluster, user: str) -> bool:
    client = Client()
    try:
        await client.connect(
            cluster.urls[0],
            nkeys_seed_str=cluster.keys.seeds[user],
            allow_reconnect=False,
            connect_timeout=1,
        )
    except NatsError:
        return False
    finally:
        await client.close()
    return True


async def _leader(client: Client) -> int:
    info = await client.jetstream().stream_info(STREAM)
    assert info.cluster is not None
    assert info.cluster.leader is not None
    return int(info.cluster.leader.rpartition("-")[2])


async def test_the_cluster_outlives_its_leader_and_lets_it_go_gently(cluster: Cluster) -> None:
    """One cluster, because starting one takes seconds: stream, leader killed, its return, lame duck."""
    await make_stream(read_settings(cluster.settings("BOOTSTRAP")))
    await make_stream(read_settings(cluster.settings("BOOTSTRAP")))  # again: checked, not changed
    # Otherwise a power failure takes what was acknowledged in the last two minutes.
    assert (await cluster.get(0, "/jsz"))["config"]["sync_always"] is True
    assert await write_and_read(read_settings(cluster.settings("BOOTSTRAP"))) == 3
    sink = await cluster.connect("SINK")
    jetstream = sink.jetstream()
    info = await jetstream.stream_info(STREAM)
    assert (info.config.num_replicas, info.config.subjects) == (3, ["billing.>"])
    for number in range(50):
        await publish(sink, STREAM, number)

    leader = await _leader(sink)
    await cluster.servers[leader].kill()
    for number in range(50, 100):
        await publish(sink, STREAM, number)
    assert await _leader(sink) != leader
    cluster.servers[leader].start()
    await cluster.whole(leader)

    leader = await _leader(sink)
    cluster.lame_duck(leader)
    longest = 0.0
    for number in range(100, 400):
        began = time.monotonic()
        await publish(sink, STREAM, number)
        longest = max(longest, time.monotonic() - began)
    assert await _leader(sink) != leader
    assert longest < 3.0, "a leader that leaves gently hands its streams on, it is not missed"
    assert await _held(cluster) == list(range(400))
    await sink.close()


async def test_every_key_may_do_its_work_and_nothing_else(cluster: Cluster) -> None:
    await make_stream(read_settings(cluster.settings("BOOTSTRAP")))
    refused: list[str] = []

    async def remember(error: Exception) -> None:
        refused.append(str(error).lower())

    sink = await cluster.connect("SINK", error_cb=remember)
    assert (await sink.jetstream().publish("billing.test.a", b"1", stream=STREAM)).seq == 1
    forbidden = [
        "other.subject",
        "tollbridge.check",
        "$JS.API.STREAM.CREATE.OTHER",
        f"$JS.API.STREAM.UPDATE.{STREAM}",
        f"$JS.API.STREAM.PURGE.{STREAM}",
        f"$JS.API.STREAM.DELETE.{STREAM}",
        f"$JS.API.STREAM.MSG.DELETE.{STREAM}",
        f"$JS.API.STREAM.MSG.GET.{STREAM}",
        f"$JS.API.CONSUMER.CREATE.{STREAM}",
        "$SYS.REQ.SERVER.PING",
    ]
    for subject in forbidden:
        await sink.publish(subject, b"{}")
    await sink.subscribe("billing.>")
    await sink.flush()
    await asyncio.sleep(0.2)
    for subject in forbidden:
        assert any(subject.lower() in text for text in refused), f"the sink may publish to {subject}"
    assert any("subscription" in text and "billing.>" in text for text in refused)

    refused.clear()
    job = await cluster.connect("BOOTSTRAP", error_cb=remember)
    for subject in (f"$JS.API.STREAM.DELETE.{STREAM}", f"$JS.API.STREAM.PURGE.{STREAM}", "billing.test.a"):
        await job.publish(subject, b"{}")
        await job.flush()
        await asyncio.sleep(0.1)
        assert any(subject.lower() in text for text in refused), f"the Job may publish to {subject}"

    refused.clear()
    reader = await cluster.connect("READER", error_cb=remember)
    for subject in ("billing.test.a", f"$JS.API.STREAM.PURGE.{STREAM}", f"$JS.API.STREAM.UPDATE.{STREAM}"):
        await reader.publish(subject, b"{}")
        await reader.flush()
        await asyncio.sleep(0.1)
        assert any(subject.lower() in text for text in refused), f"a reader may publish to {subject}"
    assert await _held(cluster) == [1]

    nobody = Client()
    with pytest.raises(NatsError):
        await nobody.connect(cluster.urls[0], allow_reconnect=False, connect_timeout=1)
    for client in (sink, job, reader, nobody):
        await client.close()


async def test_a_changed_key_is_taken_without_a_restart(cluster: Cluster) -> None:
    """What the reloader does when the ConfigMap changes."""
    pids = [server.pid for server in cluster.servers]
    other = Keys()
    for number in range(3):
        (cluster.home / f"n{number}/etc/nats/keys.conf").write_text(other.conf)
        cluster.reload(number)
    cluster.keys = other
    deadline = time.monotonic() + 10
    while not await _accepted(cluster, "SINK"):
        assert time.monotonic() < deadline, "the servers did not take the new keys"
        await asyncio.sleep(0.1)
    assert [server.pid for server in cluster.servers] == pids
    assert all(server.running for server in cluster.servers)


def test_pods_run_the_server_that_is_tested_here() -> None:
    version = subprocess.run([_binary(), "--version"], check=True, capture_output=True, text=True).stdout
    images = yaml.safe_load((ROOT / "k8s/base/kustomization.yaml").read_text())["images"]
    tag = next(image["newTag"] for image in images if image["name"] == "nats")
    assert f"v{tag.removesuffix('-alpine')}" in version


def test_the_jobs_say_what_is_wrong_and_end() -> None:
    for module in ("make_stream", "write_and_read"):
        command = [sys.executable, "-m", f"app.nats.{module}"]
        ended = subprocess.run(
            command, env={"TOLLBRIDGE_NATS_REPLICAS": "many"}, cwd=ROOT, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert ended.returncode == 2
        assert "TOLLBRIDGE_NATS_REPLICAS" in ended.stderr
