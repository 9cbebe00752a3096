from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from agents.backoff import Backoff
from agents.breaker import Breaker
from agents.dead_letter_limit import DeadLetterLimit
from agents.errors import Reject, Retry, Stop, Trip
from agents.nats import NatsSink
from tests.fakes.bus import FakeBus
from tests.fakes.clock import FakeClock
from tests.fakes.dead_letters import FakeDeadLetters
from tests.fakes.observer import FakeObserver
from tests.fakes.sink_events import FakeHeld, billing_message, hold
from tests.fakes.turns import go_on, running, turns


class Bench:
    """A sink and its surroundings, all in memory."""

    def __init__(self, *, limit: DeadLetterLimit | None = None, concurrency: int = 8) -> None:
        self.clock = FakeClock()
        self.bus = FakeBus()
        self.dead_letters = FakeDeadLetters(limit)
        self.observer = FakeObserver()
        self.sink = NatsSink(
            self.bus,
            self.dead_letters,
            Breaker(failures=3, reset_min=1.0, reset_max=8.0),
            self.clock,
            self.observer,
            backoff=Backoff(random=lambda: 0.5, base=0.1, ceiling=5.0),
            subject_prefix="billing",
            concurrency=concurrency,
            limit=20,
        )

    async def feed(self, messages: Sequence[FakeHeld]) -> None:
        for held in messages:
            await self.sink.accept(held)

    async def through(self, messages: Sequence[FakeHeld]) -> None:
        """Feed all, and let time go by until all are settled."""
        feeding = asyncio.ensure_future(self.feed(messages))
        await go_on(self.clock, lambda: feeding.done() and all(held.settled for held in messages))


async def test_an_event_goes_out_whole_under_its_subject_and_id() -> None:
    bench = Bench()
    (held,) = hold(1)
    async with running(bench.sink.run()):
        await bench.through([held])
    (stored,) = bench.bus.stored
    assert stored.subject == "billing.live.payment.success.cus_0"
    assert stored.message_id == "acct_1/in_0:payment.success"
    assert stored.payload == held.message.value
    assert bench.observer.outcomes == {"accepted": 1}
    assert bench.observer.arrived == [0]


async def test_many_are_in_flight_but_never_more_than_allowed() -> None:
    bench = Bench(concurrency=8)
    async with running(bench.sink.run()):
        await bench.through(hold(100, customers=50))
    assert bench.bus.most_in_flight == 8


async def test_one_customer_has_one_message_in_flight() -> None:
    bench = Bench()
    async with running(bench.sink.run()):
        await bench.through(hold(30, customers=1))
    assert bench.bus.most_in_flight == 1
    assert [stored.message_id for stored in bench.bus.stored] == [
        f"acct_1/in_{number}:payment.success" for number in range(30)
    ]


async def test_a_duplicate_is_a_success() -> None:
    bench = Bench()
    first, again = (FakeHeld(billing_message(7)) for _ in range(2))
    async with running(bench.sink.run()):
        await bench.through([first, again])
    assert len(bench.bus.stored) == 1
    assert bench.observer.outcomes == {"accepted": 1, "duplicate": 1}


async def test_a_lost_answer_is_sent_again_and_stored_once() -> None:
    bench = Bench()
    bench.bus.keep_then_fail = True
    bench.bus.answers.append(Retry("timeout"))
    async with running(bench.sink.run()):
        await bench.through(hold(3))
    assert len(bench.bus.stored) == 3
    assert bench.observer.outcomes == {"retried": 1, "duplicate": 1, "accepted": 2}


async def test_a_refused_message_is_buried_and_its_customer_goes_on() -> None:
    bench = Bench()
    bench.bus.answers.extend([None, Reject("too_large", "1 MB."), None])
    messages = hold(3)
    async with running(bench.sink.run()):
        await bench.through(messages)
    (letter,) = bench.dead_letters.letters
    assert (letter.stage, letter.reason, letter.attempts) == ("nats", "too_large", 1)
    assert letter.message.offset == 1
    assert len(bench.bus.stored) == 2


async def test_what_is_no_cloud_event_is_buried_and_never_published() -> None:
    bench = Bench()
    bad = FakeHeld(billing_message(0, type=7))
    async with running(bench.sink.run()):
        await bench.through([bad])
    assert [letter.reason for letter in bench.dead_letters.letters] == ["malformed"]
    assert bench.bus.stored == []


async def test_denied_permission_opens_the_breaker_at_once_and_buries_nothing() -> None:
    bench = Bench()
    bench.bus.down = Trip("permission denied")
    messages = hold(10, customers=5)
    async with running(bench.sink.run()):
        feeding = asyncio.ensure_future(bench.feed(messages))
        await turns()
        assert bench.sink.trouble == "permission denied"
        assert not bench.sink.available
        bench.bus.down = None
        await go_on(bench.clock, lambda: feeding.done() and all(held.settled for held in messages))
    assert bench.observer.states[-1] == "closed"
    assert bench.dead_letters.letters == []
    assert len(bench.bus.stored) == 10


async def test_while_half_open_one_message_is_tried_at_a_time() -> None:
    bench = Bench()
    bench.bus.down = Retry("no response from stream")
    messages = hold(20, customers=20)
    async with running(bench.sink.run()):
        feeding = asyncio.ensure_future(bench.feed(messages))
        await go_on(bench.clock, lambda: bench.sink.trouble is not None, step=0.05)
        await turns()
        tried: list[str] = []
        bench.bus.before = lambda message: tried.append(message.message_id)
        bench.clock.advance(1.0)
        await turns()
        assert len(tried) == 1
        bench.bus.down = None
        await go_on(bench.clock, lambda: feeding.done() and all(held.settled for held in messages))
    assert len(bench.bus.stored) == 20


async def test_accept_waits_when_the_hands_are_full() -> None:
    bench = Bench()
    await bench.feed(hold(20))
    more = asyncio.ensure_future(bench.sink.accept(FakeHeld(billing_message(20))))
    await turns()
    assert not more.done()
    async with running(bench.sink.run()):
        await turns()
        assert more.done()


async def test_abandoned_messages_are_not_published_and_make_room() -> None:
    bench = Bench()
    messages = hold(20, customers=4)
    await bench.feed(messages)
    for held in messages[::2]:
        held.abandoned = True
    bench.sink.release()
    async with running(bench.sink.run()):
        await bench.through(hold(10, start=20))
        assert await bench.sink.drain(1.0)
    assert len(bench.bus.stored) == 20
    assert not any(held.settled for held in messages[::2])


async def test_a_lane_abandoned_while_its_message_is_retried_ends() -> None:
    bench = Bench()
    bench.bus.answers.append(Retry("timeout"))
    messages = hold(3)
    async with running(bench.sink.run()):
        await bench.feed(messages)
        await turns()
        for held in messages:
            held.abandoned = True
        bench.sink.release()
        bench.clock.advance(1.0)
        await turns()
        assert await bench.sink.drain(0.0)
    assert bench.bus.stored == []


async def test_what_is_delivered_in_between_keeps_the_limit_away() -> None:
    bench = Bench(limit=DeadLetterLimit(max_ratio=1.0, max_consecutive=2))
    bench.bus.answers.extend([Reject("too_large", ""), Reject("too_large", ""), None] * 5)
    async with running(bench.sink.run()):
        await bench.through(hold(15))
    assert len(bench.dead_letters.letters) == 10


async def test_stop_ends_the_run_with_its_own_sentence() -> None:
    bench = Bench(limit=DeadLetterLimit(max_ratio=1.0, max_consecutive=2))
    bench.bus.down = Reject("too_large", "All are.")
    run = asyncio.ensure_future(bench.sink.run())
    await bench.feed(hold(10))
    with pytest.raises(Stop, match="2 messages in a row"):
        await run
    assert len(bench.dead_letters.letters) == 2
