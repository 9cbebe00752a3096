"""A batch beside the road is committed when all of it is settled, and dropped when the partitions go."""

from __future__ import annotations

import asyncio

import pytest

from agents.errors import Stop
from agents.protocols import Held, Message
from app.kafka.side_road import SideRoad
from app.settings import read_settings


def batch(count: int) -> list[Message]:
    return [Message("stripe.reads", 0, offset, None, b"") for offset in range(count)]


class Handler:
    """Settles what it is told to; keeps the rest."""

    def __init__(self, settles: set[int]) -> None:
        self.settles = settles
        self.seen: list[Held] = []
        self.cancelled = 0

    async def handle(self, held: Held) -> None:
        self.seen.append(held)
        try:
            if held.message.offset not in self.settles:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        held.settle()


def side_road(handler: Handler) -> SideRoad:
    return SideRoad(read_settings({}), "stripe.reads", "reads", handler.handle)


async def test_a_batch_that_is_settled_may_be_committed() -> None:
    handler = Handler({0, 1, 2})
    assert await side_road(handler)._through(batch(3))
    assert [held.message.offset for held in handler.seen] == [0, 1, 2]


async def test_a_batch_whose_partitions_go_is_abandoned_and_not_committed() -> None:
    handler = Handler({0})
    road = side_road(handler)
    work = asyncio.ensure_future(road._through(batch(3)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not work.done()
    road._hand.on_partitions_revoked([])
    assert await work is False
    assert all(held.abandoned for held in handler.seen)
    assert handler.cancelled == 2
    road._hand.on_partitions_assigned([])
    handler.settles = {0, 1, 2}
    assert await road._through(batch(3))


async def test_what_must_stop_the_worker_gets_out_and_leaves_nobody_behind() -> None:
    handler = Handler(set())

    async def handle(held: Held) -> None:
        if held.message.offset == 1:
            raise Stop("too much is being dead-lettered")
        await handler.handle(held)

    road = SideRoad(read_settings({}), "stripe.reads", "reads", handle)
    with pytest.raises(Stop):
        await road._through(batch(3))
    await asyncio.sleep(0)
    assert handler.cancelled == 2


async def test_an_end_of_the_process_cancels_what_is_under_way() -> None:
    handler = Handler(set())
    work = asyncio.ensure_future(side_road(handler)._through(batch(2)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert handler.cancelled == 2
