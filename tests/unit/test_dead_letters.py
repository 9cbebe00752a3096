from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from agents.dead_letter_limit import DeadLetterLimit
from agents.errors import Retry, Stop
from agents.protocols import Delivered, Message, OnDelivery, Record, Undelivered
from app.kafka.dead_letters import KafkaDeadLetters
from tests.fakes.clock import FakeClock
from tests.fakes.turns import turns

MESSAGE = Message(
    topic="billing.events",
    partition=3,
    offset=41,
    key=b"acct_1|live|cus_1",
    value=b"\x00 not even JSON \xff",
    headers={"content-type": b"application/cloudevents+json", "event-id": b"evt_1", "reason": b"of before"},
)


class Outbox:
    """`agents.protocols.Outbox` that answers when a test says so, or at once with `answer`."""

    def __init__(self, answer: Callable[[Record], Delivered | Undelivered] | None = None) -> None:
        self.sent: list[Record] = []
        self.waiting: list[OnDelivery] = []
        self._answer = answer

    def send(self, record: Record, on_delivery: OnDelivery) -> None:
        self.sent.append(record)
        if self._answer:
            on_delivery(self._answer(record))
        else:
            self.waiting.append(on_delivery)


def accepting() -> Outbox:
    return Outbox(lambda record: Delivered(record.topic, 0, 0))


def letters(outbox: Outbox, clock: FakeClock, **options: object) -> KafkaDeadLetters:
    limit = DeadLetterLimit(max_ratio=1.0, max_consecutive=2)
    return KafkaDeadLetters(outbox, "dead.letters", limit, clock, ack_timeout=10.0, **options)  # type: ignore[arg-type]


async def bury(dead_letters: KafkaDeadLetters) -> None:
    await dead_letters.bury(MESSAGE, stage="openmeter", reason="refused", detail="Ünfit.", attempts=4)


async def test_the_record_is_kept_byte_for_byte_with_its_reason_beside_it() -> None:
    outbox = accepting()
    await bury(letters(outbox, FakeClock(1_790_000_000.0)))
    (record,) = outbox.sent
    assert (record.topic, record.key, record.value) == ("dead.letters", MESSAGE.key, MESSAGE.value)
    assert dict(record.headers) == {
        "content-type": b"application/cloudevents+json",
        "event-id": b"evt_1",
        "reason": b"refused",
        "stage": b"openmeter",
        "detail": "Ünfit.".encode(),
        "position": b"billing.events/3/41",
        "attempts": b"4",
        "buried-at": b"2026-09-21T14:13:20+00:00",
    }
    assert len(record.headers) == 8, "a header of before is replaced, not repeated"


async def test_a_burial_is_done_only_when_kafka_has_acknowledged() -> None:
    outbox, clock = Outbox(), FakeClock()
    burial = asyncio.ensure_future(bury(letters(outbox, clock)))
    await turns()
    assert not burial.done()
    outbox.waiting[0](Delivered("dead.letters", 0, 0))
    await burial


async def test_no_acknowledgement_in_time_is_a_retry() -> None:
    outbox, clock = Outbox(), FakeClock()
    burial = asyncio.ensure_future(bury(letters(outbox, clock)))
    await turns()
    clock.advance(10.0)
    with pytest.raises(Retry, match=r"did not acknowledge .* within 10 s"):
        await burial
    outbox.waiting[0](Delivered("dead.letters", 0, 0))  # too late, and harmless


async def test_a_failed_delivery_is_a_retry_and_counts_as_no_burial() -> None:
    counted: list[tuple[str, str]] = []
    outbox = Outbox(lambda record: Undelivered(record.topic, "the broker is gone"))
    dead_letters = letters(outbox, FakeClock(), on_buried=lambda *what: counted.append(what))
    for _ in range(5):
        with pytest.raises(Retry, match="the broker is gone"):
            await bury(dead_letters)
    assert counted == []


async def test_one_too_many_stops_and_is_not_written() -> None:
    counted: list[tuple[str, str]] = []
    outbox = accepting()
    dead_letters = letters(outbox, FakeClock(), on_buried=lambda *what: counted.append(what))
    await bury(dead_letters)
    await bury(dead_letters)
    with pytest.raises(Stop):
        await bury(dead_letters)
    assert len(outbox.sent) == 2
    assert counted == [("openmeter", "refused")] * 2
    dead_letters.passed()
    await bury(dead_letters)


async def test_a_long_detail_is_cut_to_whole_characters() -> None:
    outbox = accepting()
    await letters(outbox, FakeClock()).bury(MESSAGE, stage="s", reason="r", detail="é" * 5000, attempts=0)
    detail = dict(outbox.sent[0].headers)["detail"]
    assert detail.decode() == "é" * 1024


async def test_many_at_once_do_not_slip_past_the_limit_together() -> None:
    outbox = Outbox()
    dead_letters = letters(outbox, FakeClock())
    burials = [asyncio.create_task(bury(dead_letters)) for _ in range(5)]
    for _ in range(5):
        await turns()
        while outbox.waiting:
            outbox.waiting.pop()(Delivered("dead.letters", 0, 0))
    outcomes = await asyncio.gather(*burials, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), type(None), Stop, Stop, Stop]
    assert len(outbox.sent) == 2
