"""Whatever the other side answers, in whatever order: the sinks' laws."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.backoff import Backoff
from agents.breaker import Breaker
from agents.errors import Reject, Retry, Trip
from agents.nats import NatsSink
from agents.openmeter import OpenMeterSink
from tests.fakes.bus import FakeBus
from tests.fakes.clock import FakeClock
from tests.fakes.dead_letters import FakeDeadLetters
from tests.fakes.meter_sink import FakeMeterSink
from tests.fakes.observer import FakeObserver
from tests.fakes.sink_events import FakeHeld, billing_message
from tests.fakes.turns import go_on, running

transient = st.none() | st.builds(Retry, st.just("later")) | st.builds(Trip, st.just("401"))
answers = st.lists(transient, max_size=40)


async def deliver(sink: OpenMeterSink | NatsSink, clock: FakeClock, messages: Sequence[FakeHeld]) -> None:
    async def feed() -> None:
        for held in messages:
            await sink.accept(held)

    async with running(sink.run()):
        feeding = asyncio.ensure_future(feed())
        await go_on(
            clock,
            lambda: feeding.done() and all(held.settled or held.abandoned for held in messages),
            within=100_000,
            step=1.0,
        )


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(coroutine)


def tools() -> dict[str, Any]:
    return {"backoff": Backoff(random=lambda: 0.5, base=0.1, ceiling=2.0)}


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 60),
    poisoned=st.sets(st.integers(0, 59)),
    batch_size=st.integers(1, 25),
    concurrency=st.integers(1, 4),
    script=answers,
)
def test_exactly_the_poisoned_events_are_buried_and_all_others_arrive(
    size: int, poisoned: set[int], batch_size: int, concurrency: int, script: list[Exception | None]
) -> None:
    async def scene() -> None:
        clock, openmeter, dead_letters = FakeClock(), FakeMeterSink(), FakeDeadLetters()
        openmeter.poison = {f"in_{number}:payment.success" for number in poisoned}
        openmeter.answers.extend(script)
        messages = [FakeHeld(billing_message(number)) for number in range(size)]
        sink = OpenMeterSink(
            openmeter,
            dead_letters,
            Breaker(failures=3, reset_min=1.0, reset_max=8.0),
            clock,
            FakeObserver(),
            batch_size=batch_size,
            batch_age=0.5,
            concurrency=concurrency,
            **tools(),
        )
        await deliver(sink, clock, messages)
        expected = poisoned & set(range(size))
        assert sorted(dead_letters.offsets) == sorted(expected)
        assert len(openmeter.kept) == size - len(expected)
        assert all(held.settled == 1 for held in messages)
        assert max(map(len, openmeter.requests)) <= batch_size

    run(scene())


@settings(max_examples=60, deadline=None)
@given(
    customers=st.lists(st.integers(0, 5), min_size=1, max_size=60),
    concurrency=st.integers(1, 8),
    script=answers,
    lost=st.booleans(),
)
def test_each_customers_events_are_stored_in_order_whatever_fails_on_the_way(
    customers: list[int],
    concurrency: int,
    script: list[Exception | None],
    lost: bool,  # noqa: FBT001 - drawn
) -> None:
    async def scene() -> None:
        clock, bus, dead_letters = FakeClock(), FakeBus(), FakeDeadLetters()
        bus.answers.extend(script)
        bus.keep_then_fail = lost
        messages = [
            FakeHeld(billing_message(number, customer=f"cus_{customer}"))
            for number, customer in enumerate(customers)
        ]
        await deliver(nats_sink(bus, dead_letters, clock, concurrency), clock, messages)
        stored: dict[str, list[bytes]] = defaultdict(list)
        for message in bus.stored:
            stored[message.subject.rsplit(".", 1)[1]].append(message.payload)
        sent: dict[str, list[bytes]] = defaultdict(list)
        for held, customer in zip(messages, customers, strict=True):
            sent[f"cus_{customer}"].append(held.message.value)
        assert stored == sent
        assert bus.most_in_flight <= concurrency
        assert dead_letters.letters == []

    run(scene())


@settings(max_examples=60, deadline=None)
@given(
    script=st.lists(transient | st.builds(Reject, st.just("too_large"), st.just("")), max_size=40),
    count=st.integers(1, 40),
    abandoned=st.sets(st.integers(0, 39)),
)
def test_every_message_is_stored_buried_or_abandoned_and_never_two_of_these(
    script: list[Exception | None], count: int, abandoned: set[int]
) -> None:
    async def scene() -> None:
        clock, bus, dead_letters = FakeClock(), FakeBus(), FakeDeadLetters()
        bus.answers.extend(script)
        messages = [
            FakeHeld(billing_message(number, customer=f"cus_{number % 3}"), abandoned=number in abandoned)
            for number in range(count)
        ]
        sink = nats_sink(bus, dead_letters, clock, 4)
        await deliver(sink, clock, messages)
        ended = {message.message_id for message in bus.stored}
        ended |= {f"acct_1/in_{offset}:payment.success" for offset in dead_letters.offsets}
        assert len(ended) == len(bus.stored) + len(dead_letters.letters)
        assert ended == {
            f"acct_1/in_{number}:payment.success" for number in range(count) if number not in abandoned
        }
        assert all(held.settled == (not held.abandoned) for held in messages)

    run(scene())


def nats_sink(bus: FakeBus, dead_letters: FakeDeadLetters, clock: FakeClock, concurrency: int) -> NatsSink:
    return NatsSink(
        bus,
        dead_letters,
        Breaker(failures=3, reset_min=1.0, reset_max=8.0),
        clock,
        FakeObserver(),
        subject_prefix="billing",
        concurrency=concurrency,
        limit=30,
        **tools(),
    )
