"""kill -9 of each process while events flow: nothing is lost, nothing is told twice, nothing committed ahead.

The ledger: a town of customers is posted, and a process is killed and started again several times meanwhile.
At the end the sinks hold the model's facts and no others, the state is the model's, and all is committed.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import orjson
import pytest

from app.local.application import Application
from tables.row import Origin, supersedes, unpack
from tests.road import ENOUGH, OpenRoad, Road, eventually, fact_key
from tests.stripe_model import History
from tests.town import bodies, town

pytestmark = [pytest.mark.broker, pytest.mark.slow]

GROUPS = (
    ("tollbridge-lifecycle", "stripe.events"),
    ("tollbridge-openmeter", "billing.events"),
    ("tollbridge-nats", "billing.events"),
)


async def kill_while_posting(road: Road, history: History, victims: list[str], kills: int) -> None:
    posting = asyncio.create_task(road.post(bodies(history), abreast=2, each_second=60))
    for number in range(kills):
        await asyncio.sleep(1.5)
        victim = road.stack.applications[victims[number % len(victims)]]
        await victim.kill()
        await nothing_is_committed_ahead(road)
        await victim.start()
    await posting


async def nothing_is_committed_ahead(road: Road) -> None:
    """Every event before lifecycle's committed offset has left its mark in the changelog of `seen`."""
    committed = await road.committed("tollbridge-lifecycle", "stripe.events")
    marks = {key.decode().split("|")[-1] for key, _ in await road.read(road.changelog("seen"))}
    for partition, records in (await road.by_partition("stripe.events")).items():
        for _, value in records[: committed[partition]]:
            assert value is not None
            assert orjson.loads(value)["id"] in marks


async def ledger_is_whole(road: Road, history: History) -> None:
    await road.settled(history.facts)
    await road.all_committed(GROUPS)
    await assert_states(road, history)
    told = Counter((event["source"], event["id"]) for event in await road.billing_events())
    assert {
        f"{source.split('/')[-2]}|{source.split('/')[-1]}|{name}" for source, name in told
    } == history.facts
    assert await road.dead_letters() == []


@pytest.mark.parametrize("victim", ["ingress", "lifecycle", "openmeter", "nats"])
async def test_kill_of_one_process_loses_nothing(open_road: OpenRoad, victim: str) -> None:
    history = town(seed=11, customers=60)
    async with open_road() as road:
        await kill_while_posting(road, history, [victim], kills=3)
        await ledger_is_whole(road, history)


async def test_two_lifecycle_workers_of_which_one_is_killed(open_road: OpenRoad) -> None:
    history = town(seed=12, customers=60)
    async with open_road() as road:
        second: Application = await road.stack.add_lifecycle_worker()
        await kill_while_posting(road, history, [second.name, "lifecycle"], kills=2)
        await ledger_is_whole(road, history)


async def test_a_frozen_worker_writes_nothing_over_its_successor(open_road: OpenRoad) -> None:
    """SIGSTOP in the middle of a backlog, for longer than the session: the partitions move, and the worker
    wakes with messages and records in hand. Nothing of them may reach a changelog behind the new owner's.
    """
    history = town(seed=13, customers=500, steps=6)
    async with open_road(without=frozenset({"openmeter", "nats"})) as road:
        frozen = road.stack.applications["lifecycle"]
        await frozen.kill()
        await road.post(bodies(history), abreast=32)
        survivor = await road.stack.add_lifecycle_worker()
        await survivor.kill()
        frozen.launch()
        survivor.launch()
        await under_way(road, least=200)
        frozen.pause()
        await survivor.ready()
        await eventually(lambda: behind(road))
        frozen.resume()
        await asyncio.sleep(5)
        assert await late_rows(road) == []
        await frozen.kill()
        assert {fact_key(event) for event in await road.billing_events()} == history.facts
        await assert_states(road, history)


async def assert_states(road: Road, history: History) -> None:
    """See that the state is what the model says."""
    states = await road.states()
    assert {key: state.status for key, state in states.items() if key in history.truth} == {
        key: subscription["status"] for key, subscription in history.truth.items()
    }


async def under_way(road: Road, least: int) -> None:
    """Wait until the lifecycle workers have committed `least` messages."""
    deadline = time.monotonic() + ENOUGH
    while sum((await road.committed("tollbridge-lifecycle", "stripe.events")).values()) < least:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def behind(road: Road) -> str | None:
    committed = await road.committed("tollbridge-lifecycle", "stripe.events")
    ends = await road.ends("stripe.events")
    return None if committed == ends else f"committed {committed} of {ends}"


async def late_rows(road: Road) -> list[str]:
    """Rows that stand in a changelog behind one of a later owner, with an older state."""
    late = []
    for table in ("seen", "subscriptions"):
        newest: dict[bytes, Origin] = {}
        for key, row in await road.read(road.changelog(table)):
            if row is None:
                continue
            origin = unpack(row)[0]
            if key in newest and not supersedes(origin, newest[key]):
                late.append(f"{table} {key!r}: {origin} behind {newest[key]}")
            newest[key] = origin
    return late


async def test_a_clean_restart_replays_nothing(open_road: OpenRoad) -> None:
    """SIGTERM: what is in hand is finished and committed before the partitions go."""
    history = town(seed=15, customers=40)
    async with open_road() as road:
        posting = asyncio.create_task(road.post(bodies(history), abreast=4, each_second=100))
        for _ in range(2):
            await asyncio.sleep(1)
            await road.stack.applications["lifecycle"].restart()
        await posting
        await ledger_is_whole(road, history)
        told = Counter((event["source"], event["id"]) for event in await road.billing_events())
        assert {name: count for name, count in told.items() if count > 1} == {}


async def test_a_kill_replays_no_more_than_was_in_hand_or_uncommitted(open_road: OpenRoad) -> None:
    history = town(seed=16, customers=60)
    async with open_road({"TOLLBRIDGE_IN_FLIGHT": "20"}) as road:
        posting = asyncio.create_task(road.post(bodies(history), abreast=2, each_second=80))
        await asyncio.sleep(2)
        worker = road.stack.applications["lifecycle"]
        await worker.kill()
        committed = sum((await road.committed("tollbridge-lifecycle", "stripe.events")).values())
        marks = sum(b"|evt_" in key for key, _ in await road.read(road.changelog("seen")))
        await worker.start()
        await posting
        await ledger_is_whole(road, history)
    # Settled since the last commit, a quarter of a second before at most, and what was in hand.
    assert marks - committed <= 20 + 80
