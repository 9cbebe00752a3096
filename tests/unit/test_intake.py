"""Messages are taken bounded, held, and dropped when the partitions go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from agents.intake import Intake
from agents.lease import Lease
from agents.ledger import HeldMessage, TopicPartition
from agents.protocols import Message
from tests.fakes.clock import FakeClock

AT = TopicPartition("stripe.events", 0)


class Source:
    """A stream that hands out offsets 0, 1, 2 ... as a worker's fetcher does."""

    def __init__(self, intake: Intake, count: int) -> None:
        self.intake = intake
        self.count = count

    async def __aiter__(self) -> AsyncIterator[Message]:
        for offset in range(self.count):
            self.intake.ledger.fetched(AT, offset)
            yield Message(AT.topic, AT.partition, offset, None, b"")


def opened(clock: FakeClock, limit: int = 10) -> Intake:
    intake = Intake(clock, Lease(20, 10), limit)
    intake.lease.renew(clock.monotonic())
    intake.open()
    return intake


async def settle_loop() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_no_more_than_the_limit_is_in_hand() -> None:
    intake = opened(FakeClock(), limit=3)
    seen: list[HeldMessage] = []

    async def agent() -> None:
        async for held in intake.hold(Source(intake, 10)):
            seen.append(held)

    task = asyncio.create_task(agent())
    await settle_loop()
    assert len(seen) == 3
    seen[0].settle()
    await settle_loop()
    assert len(seen) == 4
    for held in seen:
        held.settle()
    await settle_loop()
    assert len(seen) >= 7
    task.cancel()


async def test_a_closed_intake_takes_nothing() -> None:
    intake = opened(FakeClock())
    intake.close()
    assert [held async for held in intake.hold(Source(intake, 3))] == []
    assert intake.ledger.committable() == {}


async def test_a_frozen_worker_begins_nothing_until_kafka_answers_a_heartbeat() -> None:
    clock = FakeClock()
    intake = opened(clock)
    seen: list[int] = []

    async def agent() -> None:
        async for held in intake.hold(Source(intake, 2)):
            seen.append(held.message.offset)

    clock.advance(60)  # SIGSTOP for a minute
    task = asyncio.create_task(agent())
    await settle_loop()
    assert seen == []
    intake.lease.renew(clock.monotonic())
    clock.advance(0.05)
    await settle_loop()
    assert seen == [0, 1]
    await task


async def test_a_frozen_worker_that_lost_its_partitions_drops_what_it_held() -> None:
    clock = FakeClock()
    intake = opened(clock)
    told: list[str] = []
    intake.when_released(lambda: told.append("released"))
    seen: list[int] = []

    async def agent() -> None:
        async for held in intake.hold(Source(intake, 1)):
            seen.append(held.message.offset)

    clock.advance(60)
    task = asyncio.create_task(agent())
    await settle_loop()
    intake.release()
    clock.advance(0.05)
    await settle_loop()
    await task
    assert (seen, told) == ([], ["released"])


async def test_empty_waits_for_what_is_in_hand() -> None:
    intake = opened(FakeClock())
    held = [one async for one in intake.hold(Source(intake, 2))]
    waiting = asyncio.create_task(intake.empty(within=60))
    await settle_loop()
    assert not waiting.done()
    for one in held:
        one.settle()
    assert await waiting


async def test_a_release_frees_an_agent_that_waits_for_room() -> None:
    intake = opened(FakeClock(), limit=1)
    task = asyncio.create_task(anext_all(intake))
    await settle_loop()
    assert not task.done()
    intake.release()
    await settle_loop()
    assert task.done()


async def anext_all(intake: Intake) -> list[HeldMessage]:
    return [one async for one in intake.hold(Source(intake, 3))]
