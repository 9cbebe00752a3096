"""A rebalance is over when what was assigned is recovered, whatever Faust says meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from agents.intake import Intake
from agents.lease import Lease
from app.kafka.consumer import Consumer, HandOver
from app.kafka.faust_app import App, build_app
from app.settings import read_settings
from tests.fakes.clock import FakeClock
from tests.fakes.outbox import FakeOutbox

OURS = TP("stripe.events", 0)


class Group:
    """One worker's consumer, told by hand what the group does."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        async def nothing() -> None:
            pass

        intake = Intake(FakeClock(), Lease(20, 10), 10)
        hand_over = HandOver(intake, cast("Any", FakeOutbox()), nothing, 1.0)
        settings = read_settings({"TOLLBRIDGE_DATA_DIR": str(directory)})
        self.app = cast("App", build_app(settings, "lifecycle", hand_over))
        self.consumer = cast("Consumer", self.app.consumer)
        self.assignment: set[TP] = set()
        monkeypatch.setattr(self.consumer, "assignment", lambda: self.assignment)
        monkeypatch.setattr(self.consumer, "earliest_offsets", self._begins)
        monkeypatch.setattr(driver.Consumer, "perform_seek", lambda _: nothing())
        monkeypatch.setattr(driver.Consumer, "on_partitions_assigned", self._assigned())

    async def _begins(self, *partitions: TP) -> dict[TP, int]:
        return dict.fromkeys(partitions, 0)

    def _assigned(self) -> Callable[..., Awaitable[None]]:
        async def assigned(_consumer: Consumer, partitions: set[TP], _generation: int = 0) -> None:
            self.assignment = partitions

        return assigned

    def revoke(self) -> None:
        """Begin a rebalance, as Faust's listener does."""
        self.app.on_rebalance_start()

    async def assign(self, generation: int) -> None:
        self.app.consumer_generation_id = generation
        await self.consumer.on_partitions_assigned({OURS}, generation)

    async def recover(self, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        """Do what Faust does when the tables are recovered; `meanwhile` happens during its last steps."""
        await self.app.on_rebalance_complete.send()
        await self.consumer.perform_seek()
        if meanwhile is not None:
            await meanwhile()
        self.app.on_rebalance_end()


@pytest.fixture
async def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Group]:
    made = Group(tmp_path, monkeypatch)
    yield made
    made.consumer._thread.thread_loop.close()  # Faust makes it, and would close it when it ends


def over(group: Group) -> bool:
    return not group.app.rebalancing


async def test_a_rebalance_is_over_when_its_assignment_is_recovered(group: Group) -> None:
    group.revoke()
    await group.assign(1)
    assert not over(group)
    await group.recover()
    assert over(group)
    assert not group.consumer._between


async def test_a_rebalance_that_begins_during_a_recovery_does_not_end_with_it(group: Group) -> None:
    group.revoke()
    await group.assign(1)

    async def revoked() -> None:
        group.revoke()
        await group.consumer.perform_seek()  # Faust does so whenever it fetches and nothing may flow

    await group.recover(revoked)
    assert not over(group)
    await group.assign(2)
    assert not over(group)
    await group.recover()
    assert over(group)


async def test_nor_does_one_that_has_assigned_already(group: Group) -> None:
    group.revoke()
    await group.assign(1)

    async def assigned() -> None:
        group.revoke()
        await group.assign(2)

    await group.recover(assigned)
    assert not over(group)
    await group.recover()
    assert over(group)


async def test_an_assignment_is_recovered_from_whatever_was_called_over_before(group: Group) -> None:
    assert over(group)
    assert group.consumer._between  # nothing is assigned: what is fetched is for nobody
    await group.assign(1)
    assert not over(group)
    await group.recover()
    assert over(group)
