"""The door's memory over a store in a test's hands: batches, the timeout, and the circuit breaker."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from agents.errors import Reject, Retry, Trip
from app.ingress.memory import event_key
from app.metrics.registry import Metrics, new_metrics
from app.redis_memory.build import build_memory
from app.redis_memory.memory import ROOM, RedisMemory
from app.settings import SettingsError, read_settings
from billing.decide import lookups
from billing.stripe_event import StripeEvent, parse_event
from tests.fakes.clock import FakeClock
from tests.fakes.door_memory import FakeStore
from tests.ingress_door import event as webhook

EVENT = parse_event(webhook())
TIMEOUT = 5.0
"""Longer than any test takes: what is tested here does not wait."""


class Bench:
    """A memory, its store, clock and metrics."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self.store = FakeStore()
        self.clock = FakeClock()
        self.metrics: Metrics = new_metrics("ingress")
        self.memory = RedisMemory(
            self.store, timeout=timeout, prefix="tollbridge", clock=self.clock, metrics=self.metrics
        )

    def counted(self, what: str, outcome: str) -> float:
        name = f"tollbridge_redis_{what}_total"
        return self.metrics.registry.get_sample_value(name, {"outcome": outcome}) or 0.0

    @property
    def circuit(self) -> float | None:
        return self.metrics.registry.get_sample_value("tollbridge_redis_circuit_state")

    async def kept(self, event: StripeEvent) -> None:
        self.memory.keep(event)
        await self.memory._marks.settled()
        await turns()


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def bench() -> Bench:
    bench = Bench()
    await bench.memory.open("log")
    return bench


@pytest.mark.parametrize(
    "fields", [{}, {"account": "acct_1"}, {"livemode": False}, {"context": "org/acct_2"}]
)
def test_the_door_knows_an_event_by_the_same_key_as_the_seen_table(fields: dict[str, object]) -> None:
    event = parse_event(webhook(**fields))
    assert event_key(event) == lookups(event).seen[0]


async def test_before_it_knows_which_log_it_is_about_it_is_not_asked() -> None:
    bench = Bench()
    await bench.kept(EVENT)
    assert not await bench.memory.holds(EVENT)
    assert bench.store.requests == []
    assert bench.memory.detail == "not used yet. Webhooks are kept without it"
    assert bench.counted("lookups", "skipped") == bench.counted("marks", "skipped") == 1


async def test_lookups_that_wait_go_together_and_one_request_is_under_way(bench: Bench) -> None:
    bench.store.withheld = asyncio.Event()
    asked = [asyncio.create_task(bench.memory.holds(replace(EVENT, id=f"evt_{n}"))) for n in range(300)]
    await turns()
    assert [len(keys) for keys in bench.store.requests] == [256]
    bench.store.withheld.set()
    assert await asyncio.gather(*asked) == [False] * 300
    assert [len(keys) for keys in bench.store.requests] == [256, 44]
    assert bench.counted("lookups", "miss") == 300


async def test_a_key_that_waited_leaves_its_request_only_what_is_left_of_its_time(bench: Bench) -> None:
    bench.store.withheld = asyncio.Event()
    first = asyncio.create_task(bench.memory.holds(EVENT))
    await turns()
    second = asyncio.create_task(bench.memory.holds(replace(EVENT, id="evt_2")))
    await turns()
    bench.store.withheld.set()
    await asyncio.gather(first, second)
    assert all(0 < within <= TIMEOUT for within in bench.store.within)
    assert bench.store.within[1] < TIMEOUT


async def test_when_one_request_has_no_answer_nobody_waits_for_the_next(bench: Bench) -> None:
    bench.store.withheld = asyncio.Event()
    bench.store.trouble = Retry("no answer")
    asked = [asyncio.create_task(bench.memory.holds(replace(EVENT, id=f"evt_{n}"))) for n in range(600)]
    await turns()
    bench.store.withheld.set()
    assert await asyncio.gather(*asked) == [False] * 600
    assert len(bench.store.requests) == 1
    assert bench.counted("lookups", "error") == 600


async def test_more_than_there_is_room_for_is_skipped(bench: Bench) -> None:
    bench.store.withheld = asyncio.Event()
    for n in range(ROOM + 1):
        bench.memory.keep(replace(EVENT, id=f"evt_{n}"))
    assert bench.counted("marks", "skipped") == 1
    bench.store.withheld.set()
    await bench.memory.close()
    await turns()
    assert bench.counted("marks", "kept") == ROOM


async def test_after_three_failures_it_is_passed_by_until_a_ping_is_answered(bench: Bench) -> None:
    await bench.kept(EVENT)
    bench.store.trouble = Retry("no answer")
    for _ in range(5):
        assert not await bench.memory.holds(EVENT)
    assert (bench.counted("lookups", "error"), bench.counted("lookups", "skipped")) == (3, 2)
    assert bench.memory.detail == "passed by: no answer. Webhooks are kept without it"
    assert bench.circuit == 2
    asked, pinged = len(bench.store.requests), bench.store.pings
    for seconds in (0.5, 1.0, 2.0):
        await turns()
        bench.clock.advance(seconds)
        await turns()
    assert bench.store.pings == pinged + 3
    bench.store.trouble = None
    assert not await bench.memory.holds(EVENT)
    assert len(bench.store.requests) == asked, "a webhook was the canary"
    bench.clock.advance(4.0)
    await turns()
    assert bench.circuit == 0
    assert await bench.memory.holds(EVENT)
    assert bench.memory.detail == ""


@pytest.mark.parametrize("trouble", [Trip("wrong password"), Retry("nobody there")])
async def test_a_redis_that_is_ill_at_the_start_is_never_on_the_road(trouble: Retry) -> None:
    bench = Bench()
    bench.store.trouble = trouble
    await bench.memory.open("log")
    assert not await bench.memory.holds(EVENT)
    assert bench.store.requests == []
    assert trouble.detail in bench.memory.detail
    await bench.memory.close()


async def test_a_wrong_password_opens_the_circuit_at_once(bench: Bench) -> None:
    bench.store.trouble = Trip("wrong password")
    await bench.memory.holds(EVENT)
    assert bench.circuit == 2
    await bench.memory.close()


async def test_a_full_redis_is_still_asked(bench: Bench) -> None:
    await bench.kept(EVENT)
    bench.store.refusal = Reject("refused", "out of memory")
    for n in range(2, 12):
        await bench.kept(replace(EVENT, id=f"evt_{n}"))
    assert bench.counted("marks", "error") == 10
    assert bench.circuit == 0
    assert await bench.memory.holds(EVENT)
    assert "out of memory" in bench.memory.detail


def environment(**given: str) -> dict[str, str]:
    return {"STRIPE_WEBHOOK_SECRETS": "whsec_1", **given}


def test_without_an_address_there_is_no_memory() -> None:
    assert build_memory(read_settings(environment()), FakeClock(), new_metrics("ingress")) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "http://:hush@redis"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "redis://:hush@redis:6379/first"),
        ("TOLLBRIDGE_REDIS_TTL", str(36 * 86400)),
        ("TOLLBRIDGE_REDIS_TIMEOUT", "2"),
        ("TOLLBRIDGE_REDIS_PREFIX", "a b"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_without_the_password(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as raised:
        read_settings(environment(**{name: value}))
    assert "hush" not in str(raised.value)


def test_an_address_that_only_redis_py_refuses_is_named_too() -> None:
    settings = read_settings(environment(REDIS_URL="redis://:hush@redis:port"))
    with pytest.raises(SettingsError, match="REDIS_URL") as raised:
        build_memory(settings, FakeClock(), new_metrics("ingress"))
    assert "hush" not in str(raised.value)
    assert raised.value.__cause__ is None
