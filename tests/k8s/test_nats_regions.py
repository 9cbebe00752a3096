"""Two clusters, as the home region and the second region have them: one goes away and comes back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError

from app.nats.make_mirror import make_mirror
from app.nats.make_stream import make_stream
from app.settings import read_settings
from tests.k8s.nats_cluster import ROOT, Cluster, Keys, publish, read_stream

STREAM, MIRROR = "BILLING_EVENTS", "BILLING_EVENTS_MIRROR"


def _home(tmp_path: Path) -> Cluster:
    leafnodes = (ROOT / "k8s/components/region-home/leafnodes.conf").read_text()
    return Cluster(tmp_path / "home", Keys(), files={"leafnodes.conf": leafnodes})


def _away(tmp_path: Path, home: Cluster) -> Cluster:
    """The second region has keys of its own; only the seed of REGION is the home region's."""
    leafnodes = (ROOT / "k8s/overlays/second-region/leafnodes.conf").read_text()
    return Cluster(
        tmp_path / "away",
        Keys(),
        name="away",
        domain="away",
        files={"leafnodes.conf": leafnodes},
        variables={
            "NATSD_HOME_URL": f'"{home.leaf_urls[0]}"',
            "NATSD_REGION_SEED": home.keys.seeds["REGION"],
        },
    )


async def _tell(client: Client, numbers: range) -> None:
    """Publish as the sink does, each until it is acknowledged at home."""
    for number in numbers:
        await publish(client, STREAM, number)


async def _copied(away: Cluster, wanted: int, within: float = 40.0) -> list[int]:
    """Wait until the mirror has `wanted` messages; return them as a reader in the second region gets them."""
    client = await away.connect("READER")
    try:
        deadline = time.monotonic() + within
        while await _messages(client) < wanted:
            assert time.monotonic() < deadline, f"the mirror has not got {wanted} messages"
            await asyncio.sleep(0.2)
        return await read_stream(client, MIRROR)
    finally:
        await client.close()


async def _messages(client: Client) -> int:
    try:
        return (await client.jetstream().stream_info(MIRROR)).state.messages
    except (NatsError, OSError):
        return 0


async def test_a_second_region_that_was_killed_copies_all_that_was_acknowledged_at_home(
    tmp_path: Path,
) -> None:
    async with _home(tmp_path) as home, _away(tmp_path, home) as away:
        await make_stream(read_settings(home.settings("BOOTSTRAP")))
        await make_mirror(read_settings(away.settings("BOOTSTRAP")))
        await make_mirror(read_settings(away.settings("BOOTSTRAP")))  # again: nothing changes
        sink = await home.connect("SINK")
        await _tell(sink, range(100))
        assert await _copied(away, 100) == list(range(100))

        await away.kill()
        await _tell(sink, range(100, 300))  # home does not notice
        await away.start()
        assert await _copied(away, 300) == list(range(300))
        await sink.close()


async def test_a_second_region_goes_on_reading_without_the_home_region(tmp_path: Path) -> None:
    async with _home(tmp_path) as home, _away(tmp_path, home) as away:
        await make_stream(read_settings(home.settings("BOOTSTRAP")))
        await make_mirror(read_settings(away.settings("BOOTSTRAP")))
        sink = await home.connect("SINK")
        await _tell(sink, range(100))
        assert await _copied(away, 100) == list(range(100))
        await sink.close()

        await home.kill()
        assert await _copied(away, 100) == list(range(100))

        await home.start()
        sink = await home.connect("SINK")
        await _tell(sink, range(100, 200))
        assert await _copied(away, 200) == list(range(200))
        await sink.close()


async def test_a_second_region_cannot_write_into_the_home_region(tmp_path: Path) -> None:
    async with _home(tmp_path) as home, _away(tmp_path, home) as away:
        await make_stream(read_settings(home.settings("BOOTSTRAP")))
        far = await away.connect("SINK")
        for number in range(5):
            await far.publish("billing.test.check", b"%d" % number)
        for verb in ("DELETE", "PURGE", "UPDATE"):
            with pytest.raises(NatsError):
                await far.request(f"$JS.home.API.STREAM.{verb}.{STREAM}", b"{}", timeout=0.5)
        near = await home.connect("BOOTSTRAP")
        assert (await near.jetstream().stream_info(STREAM)).state.messages == 0
        await far.close()
        await near.close()
