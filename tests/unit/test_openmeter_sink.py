from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from agents.backoff import Backoff
from agents.breaker import Breaker
from agents.dead_letter_limit import DeadLetterLimit
from agents.errors import Retry, Stop, Trip
from agents.openmeter import OpenMeterSink
from tests.fakes.clock import FakeClock
from tests.fakes.dead_letters import FakeDeadLetters
from tests.fakes.meter_sink import FakeMeterSink
from tests.fakes.observer import FakeObserver
from tests.fakes.sink_events import FakeHeld, billing_message, hold
from tests.fakes.turns import go_on, running, turns


class Bench:
    """A sink and its surroundings, all in memory."""

    def __init__(
        self, *, limit: DeadLetterLimit | None = None, batch_bytes: int = 1 << 20, backoff: float = 0.1
    ) -> None:
        self.clock = FakeClock()
        self.openmeter = FakeMeterSink()
        self.dead_letters = FakeDeadLetters(limit)
        self.observer = FakeObserver()
        self.sink = OpenMeterSink(
            self.openmeter,
            self.dead_letters,
            Breaker(failures=3, reset_min=1.0, reset_max=8.0),
            self.clock,
            self.observer,
            backoff=Backoff(random=lambda: 0.5, base=backoff, ceiling=max(backoff, 5.0)),
            batch_size=10,
            batch_age=0.5,
            concurrency=2,
            batch_bytes=batch_bytes,
        )

    async def feed(self, messages: Sequence[FakeHeld]) -> None:
        for held in messages:
            await self.sink.accept(held)

    async def through(self, messages: Sequence[FakeHeld]) -> None:
        """Feed all, and let time go by until all are settled."""
        feeding = asyncio.ensure_future(self.feed(messages))
        await go_on(self.clock, lambda: feeding.done() and all(held.settled for held in messages))


def held_id(held: FakeHeld) -> str:
    return f"in_{held.message.offset}:payment.success"


async def test_a_full_batch_leaves_at_once() -> None:
    bench = Bench()
    messages = hold(10)
    async with running(bench.sink.run()):
        await bench.feed(messages)
        await turns()
    assert [len(ids) for ids in bench.openmeter.requests] == [10]
    assert [held.settled for held in messages] == [1] * 10
    assert bench.observer.flushes == [10]
    assert bench.observer.outcomes == {"accepted": 10}
    assert bench.observer.arrived == list(range(10))


async def test_a_small_batch_leaves_when_its_oldest_event_is_old_enough() -> None:
    bench = Bench()
    messages = hold(3)
    async with running(bench.sink.run()):
        await bench.feed(messages[:1])
        await turns()
        bench.clock.advance(0.4)
        await bench.feed(messages[1:])
        await turns()
        assert bench.openmeter.requests == []
        bench.clock.advance(0.1)
        await turns()
        assert [len(ids) for ids in bench.openmeter.requests] == [3]


async def test_a_batch_is_bounded_in_bytes_too() -> None:
    size = len(billing_message(0).value)
    bench = Bench(batch_bytes=3 * size)
    async with running(bench.sink.run()):
        await bench.through(hold(9))
    assert [len(ids) for ids in bench.openmeter.requests] == [3, 3, 3]


async def test_an_event_larger_than_a_batch_travels_alone() -> None:
    bench = Bench(batch_bytes=100)
    async with running(bench.sink.run()):
        await bench.through(hold(3))
    assert [len(ids) for ids in bench.openmeter.requests] == [1, 1, 1]


async def test_accept_waits_when_the_hands_are_full() -> None:
    bench = Bench()
    await bench.feed(hold(40))  # two batches under way, as much again waiting; nothing runs yet
    more = asyncio.ensure_future(bench.sink.accept(FakeHeld(billing_message(40))))
    await turns()
    assert not more.done()
    async with running(bench.sink.run()):
        await turns()
        assert more.done()


async def test_a_transient_error_sends_the_same_batch_again_after_a_while() -> None:
    bench = Bench()
    bench.openmeter.answers.extend([Retry("503"), Retry("503"), None])
    messages = hold(10)
    async with running(bench.sink.run()):
        await bench.feed(messages)
        await turns()
        assert len(bench.openmeter.requests) == 1
        assert not any(held.settled for held in messages)
        await go_on(bench.clock, lambda: all(held.settled for held in messages))
    assert bench.openmeter.requests == [bench.openmeter.requests[0]] * 3
    assert bench.observer.outcomes == {"retried": 20, "accepted": 10}


async def test_one_event_that_always_ends_in_a_server_error_holds_up_no_other() -> None:
    bench = Bench()
    messages = hold(10)

    def break_on_seven(ids: list[str]) -> None:
        bench.openmeter.down = Retry("500") if held_id(messages[7]) in ids else None

    bench.openmeter.on_request = break_on_seven
    others = [held for held in messages if held is not messages[7]]
    async with running(bench.sink.run()):
        await bench.feed(messages)
        await go_on(bench.clock, lambda: all(held.settled for held in others))
        await bench.through(hold(50, start=10))
        assert not messages[7].settled
    assert bench.dead_letters.letters == [], "a server error is nobody's fault that we know of"


async def test_a_request_for_a_pause_is_kept() -> None:
    bench = Bench()
    bench.openmeter.answers.extend([Retry("429", after=20.0), None])
    began = bench.clock.monotonic()
    async with running(bench.sink.run()):
        await bench.through(hold(10))
    assert bench.clock.monotonic() - began >= 20.0


async def test_only_the_poisoned_events_are_buried_and_the_rest_goes_on() -> None:
    bench = Bench()
    messages = hold(20)
    bench.openmeter.poison = {f"in_{number}:payment.success" for number in (0, 7, 8, 19)}
    async with running(bench.sink.run()):
        await bench.through(messages)
    assert sorted(bench.dead_letters.offsets) == [0, 7, 8, 19]
    assert len(bench.openmeter.kept) == 16
    assert [held.settled for held in messages] == [1] * 20
    letter = bench.dead_letters.letters[0]
    assert (letter.stage, letter.reason) == ("openmeter", "refused")
    assert letter.attempts >= 4
    assert bench.observer.states == ["closed"], "a refusal is an answer: the sink is well"


async def test_what_is_no_cloud_event_is_buried_and_never_sent() -> None:
    bench = Bench()
    good = hold(2)
    faults: list[dict[str, Any]] = [{"id": ""}, {"subject": ...}, {"data": None}, {"specversion": "0.3"}]
    bad = [FakeHeld(billing_message(number, **fault)) for number, fault in enumerate(faults)]
    async with running(bench.sink.run()):
        await bench.through([good[0], *bad, good[1]])
    assert [letter.reason for letter in bench.dead_letters.letters] == ["malformed"] * 4
    assert bench.openmeter.requests == [["in_0:payment.success", "in_1:payment.success"]]


async def test_the_breaker_opens_and_nothing_is_sent_before_its_time() -> None:
    bench = Bench()
    bench.openmeter.down = Retry("connection refused")
    async with running(bench.sink.run()):
        await bench.feed(hold(10))
        await go_on(bench.clock, lambda: bench.sink.trouble is not None, step=0.05)
        sent = len(bench.openmeter.requests)
        assert sent == 3
        bench.clock.advance(0.9)
        await turns()
        assert len(bench.openmeter.requests) == sent


async def test_while_open_accept_blocks_so_the_backlog_waits_in_kafka() -> None:
    bench = Bench()
    bench.openmeter.down = Retry("connection refused")
    async with running(bench.sink.run()):
        await bench.feed(hold(10))
        await go_on(bench.clock, lambda: bench.sink.trouble is not None)
        more = asyncio.ensure_future(bench.sink.accept(FakeHeld(billing_message(10))))
        await turns()
        assert not more.done()
        bench.openmeter.down = None
        await go_on(bench.clock, more.done)
    assert bench.observer.states == ["closed", "open", "half_open", "closed"]


async def test_the_canary_is_one_event_and_then_the_rest_follows_in_batches() -> None:
    bench = Bench()
    bench.openmeter.down = Trip("401")
    messages = hold(20)
    async with running(bench.sink.run()):
        feeding = asyncio.ensure_future(bench.feed(messages))
        await go_on(bench.clock, lambda: bench.observer.states.count("open") >= 4)
        outage = len(bench.openmeter.requests)
        bench.openmeter.down = None
        await go_on(bench.clock, lambda: feeding.done() and all(held.settled for held in messages))
    assert [len(ids) for ids in bench.openmeter.requests[1:outage]] == [1] * (outage - 1)
    assert len(bench.openmeter.requests[outage]) == 1
    assert len(bench.openmeter.requests) - outage < 10, "the rest does not follow one by one"
    assert sorted(bench.openmeter.ids) == sorted(held_id(held) for held in messages)
    assert bench.dead_letters.letters == [], "a revoked token buries nothing"


@pytest.mark.parametrize("backoff", [0.1, 60.0])
async def test_canaries_come_when_the_breaker_says_and_grow_rarer(backoff: float) -> None:
    bench = Bench(backoff=backoff)
    bench.openmeter.down = Trip("401")
    at: list[float] = []
    bench.openmeter.on_request = lambda _ids: at.append(bench.clock.monotonic())
    async with running(bench.sink.run()):
        await bench.feed(hold(10))
        await go_on(bench.clock, lambda: len(at) == 7)
    assert [round(later - earlier) for earlier, later in pairwise(at)] == [1, 2, 4, 8, 8, 8]


async def test_the_canary_waits_as_long_as_the_sink_asked_for() -> None:
    bench = Bench()
    bench.openmeter.down = Retry("429", after=20.0)
    at: list[float] = []
    bench.openmeter.on_request = lambda _ids: at.append(bench.clock.monotonic())
    async with running(bench.sink.run()):
        await bench.feed(hold(20))
        await go_on(bench.clock, lambda: len(at) == 5)
    # 20 s, and a twentieth on top: half of the jitter, as chance is one half here
    assert [round(later - earlier) for earlier, later in pairwise(at)] == [0, 21, 21, 21]


async def test_abandoned_messages_are_dropped_unsent_and_unsettled() -> None:
    bench = Bench()
    bench.openmeter.answers.append(Retry("503"))
    messages = hold(10)
    async with running(bench.sink.run()):
        await bench.feed(messages)
        await turns()
        for held in messages[:4]:
            held.abandoned = True
        bench.sink.release()
        await go_on(bench.clock, lambda: all(held.settled for held in messages[4:]))
    assert len(bench.openmeter.requests[1]) == 6
    assert not any(held.settled for held in messages[:4])


async def test_released_messages_leave_the_buffer_and_make_room() -> None:
    bench = Bench()
    messages = hold(40)
    await bench.feed(messages)
    for held in messages:
        held.abandoned = True
    bench.sink.release()
    await asyncio.wait_for(bench.sink.idle(), 1)
    async with running(bench.sink.run()):
        await bench.through(hold(10, start=40))
    assert len(bench.openmeter.kept) == 10


async def test_with_nothing_in_hand_an_open_breaker_takes_one_message_as_its_canary() -> None:
    bench = Bench()
    bench.openmeter.down = Trip("401")
    lost = hold(10)
    async with running(bench.sink.run()):
        await bench.feed(lost)
        await turns()
        for held in lost:
            held.abandoned = True
        bench.sink.release()
        bench.openmeter.down = None
        await bench.through(hold(10, start=10))
    assert len(bench.openmeter.requests[1]) == 1
    assert len(bench.openmeter.kept) == 10


async def test_stop_ends_the_run_with_its_own_sentence_and_buries_no_more() -> None:
    bench = Bench(limit=DeadLetterLimit(max_ratio=1.0, max_consecutive=4))
    messages = hold(10)
    bench.openmeter.poison = {f"in_{number}:payment.success" for number in range(10)}
    run = asyncio.ensure_future(bench.sink.run())
    await bench.feed(messages)
    with pytest.raises(Stop, match="4 messages in a row"):
        await run
    assert len(bench.dead_letters.letters) == 4
    assert sum(held.settled for held in messages) == 4


async def test_a_dead_letter_that_kafka_does_not_take_is_tried_until_it_does() -> None:
    bench = Bench()
    bench.openmeter.poison = {"in_0:payment.success"}
    bench.dead_letters.answers.extend([Retry("no ack"), Retry("no ack")])
    messages = hold(1)
    async with running(bench.sink.run()):
        await bench.through(messages)
    assert bench.dead_letters.offsets == [0]
    assert bench.observer.states == ["closed"], "Kafka's trouble is not OpenMeter's"


async def test_draining_sends_what_waits_without_waiting_for_its_age() -> None:
    bench = Bench()
    messages = hold(3)
    async with running(bench.sink.run()):
        await bench.feed(messages)
        assert await bench.sink.drain(5.0)
    assert all(held.settled for held in messages)


async def test_draining_gives_up_after_its_time() -> None:
    bench = Bench()
    bench.openmeter.answers.append(Retry("429", after=60.0))
    async with running(bench.sink.run()):
        await bench.feed(hold(3))
        drain = asyncio.ensure_future(bench.sink.drain(5.0))
        await turns()
        bench.clock.advance(4.9)
        await turns()
        assert not drain.done()
        bench.clock.advance(0.2)
        assert await drain is False


async def test_draining_does_not_wait_for_a_sink_that_is_down() -> None:
    bench = Bench()
    bench.openmeter.down = Trip("401")
    async with running(bench.sink.run()):
        await bench.feed(hold(10))
        await turns()
        assert await bench.sink.drain(5.0) is False
