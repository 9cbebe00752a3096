"""Timeline rows wait a moment and go once; no message is settled before its row is there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from agents.effects import Effects
from agents.errors import Stop
from agents.notes import DELAY, Notes
from agents.protocols import Message
from tables.row import Change
from tests.fakes.clock import FakeClock
from tests.fakes.outbox import FakeOutbox
from tests.fakes.turns import running, turns

AT_ONCE = 20


@dataclass
class Taken:
    """A message in hand."""

    message: Message
    abandoned: bool = False
    settled: bool = False

    def settle(self) -> None:
        self.settled = True


@dataclass
class Desk:
    """Notes at work, and what became of them."""

    outbox: FakeOutbox = field(default_factory=lambda: FakeOutbox("withhold"))
    clock: FakeClock = field(default_factory=FakeClock)
    acknowledged: list[bytes] = field(default_factory=list)
    failures: list[Stop] = field(default_factory=list)
    sure: bool = True
    offset: int = -1

    def __post_init__(self) -> None:
        self.notes = Notes(
            self.outbox,
            self.clock,
            at_once=AT_ONCE,
            acknowledged=lambda change, _: self.acknowledged.append(change.value or b""),
            sure=lambda: self.sure,
            failed=self.failures.append,
        )

    def message(self, row: bytes, value: bytes, partition: int = 0) -> Taken:
        """A message that changes `row`, and causes nothing else."""
        self.offset += 1
        held = Taken(Message("stripe.events", partition, self.offset, b"k", b"v"))
        effects = Effects(held, self.outbox, self.failures.append)
        self.notes.add(Change("timeline", partition, row, value), held, effects.owe())
        effects.finish()
        return held

    async def wait(self) -> None:
        await turns()
        self.clock.advance(DELAY)
        await turns()

    @property
    def sent(self) -> list[tuple[bytes | None, bytes | None]]:
        return [(record.key, record.value) for record in self.outbox.records]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    async with running(desk.notes.run()):
        yield desk


async def test_a_row_that_changes_often_goes_once_with_all_its_changes(desk: Desk) -> None:
    held = [desk.message(b"a", b"a%d" % number) for number in range(5)]
    assert desk.sent == []
    await desk.wait()
    assert desk.sent == [(b"a", b"a4")]
    assert not any(one.settled for one in held)
    desk.outbox.deliver()
    assert all(one.settled for one in held)
    assert desk.acknowledged == [b"a4"]


async def test_each_row_goes_and_each_message_waits_for_its_own(desk: Desk) -> None:
    first, second = desk.message(b"a", b"1"), desk.message(b"b", b"2")
    await desk.wait()
    desk.outbox.deliver(1)
    assert (first.settled, second.settled) == (True, False)


async def test_the_same_key_in_another_partition_is_another_row(desk: Desk) -> None:
    desk.message(b"a", b"1", partition=0)
    desk.message(b"a", b"2", partition=1)
    await desk.wait()
    assert desk.sent == [(b"a", b"1"), (b"a", b"2")]
    assert [record.partition for record in desk.outbox.records] == [0, 1]


async def test_many_messages_do_not_wait(desk: Desk) -> None:
    for number in range(AT_ONCE):
        desk.message(b"%d" % (number % 10), b"%d" % number)
    assert len(desk.sent) == 10


async def test_a_change_after_its_row_has_gone_goes_again(desk: Desk) -> None:
    desk.message(b"a", b"1")
    await desk.wait()
    desk.message(b"a", b"2")
    await desk.wait()
    assert desk.sent == [(b"a", b"1"), (b"a", b"2")]


async def test_rows_of_a_partition_that_is_gone_are_not_sent(desk: Desk) -> None:
    desk.message(b"a", b"1").abandoned = True
    kept = desk.message(b"b", b"2", partition=1)
    await desk.wait()
    assert desk.sent == [(b"b", b"2")]
    desk.outbox.deliver()
    assert kept.settled


async def test_the_next_owner_which_may_be_us_sends_its_own(desk: Desk) -> None:
    gone = desk.message(b"a", b"1")
    gone.abandoned = True
    again = desk.message(b"a", b"1 again")
    await desk.wait()
    desk.outbox.deliver()
    assert desk.sent == [(b"a", b"1 again")]
    assert (gone.settled, again.settled) == (False, True)


async def test_what_is_there_too_late_is_not_noted_in_tables_that_are_closed(desk: Desk) -> None:
    held = desk.message(b"a", b"1")
    await desk.wait()
    held.abandoned = True
    desk.outbox.deliver()
    assert desk.acknowledged == []
    assert not held.settled


async def test_a_worker_that_is_not_sure_of_its_partitions_sends_nothing_until_it_is(desk: Desk) -> None:
    desk.sure = False
    held = desk.message(b"a", b"1")
    await desk.wait()
    assert desk.sent == []
    desk.sure = True
    await desk.wait()
    desk.outbox.deliver()
    assert held.settled


async def test_what_a_full_outbox_does_not_take_goes_later(desk: Desk) -> None:
    desk.outbox.mode = "full"
    held = desk.message(b"a", b"1")
    await desk.wait()
    assert desk.sent == []
    desk.outbox.mode = "withhold"
    await desk.wait()
    desk.outbox.deliver()
    assert held.settled


async def test_a_row_that_kafka_gives_up_stops_the_worker_and_settles_nothing(desk: Desk) -> None:
    held = [desk.message(b"a", b"1"), desk.message(b"a", b"2")]
    await desk.wait()
    desk.outbox.refuse()
    assert not any(one.settled for one in held)
    assert "is not committed" in str(desk.failures[0])
