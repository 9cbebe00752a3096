"""What every memory of the door does, in Redis and faked; and that an ill Redis costs a timeout at most."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import pytest
from redis.asyncio import Redis

from app.clock import SystemClock
from app.ingress.memory import Memory
from app.local.redis_server import RedisServer
from app.metrics.registry import Metrics, new_metrics
from app.redis_memory.build import build_memory
from app.redis_memory.memory import RedisMemory
from app.settings import read_settings
from billing.stripe_event import StripeEvent, parse_event
from tests.fakes.door_memory import FakeMemory
from tests.ingress_door import event as webhook
from tests.real_redis import redis_server

__all__ = ["redis_server"]

EVENT = parse_event(webhook())
LOG = "AaIJ930jduC5Y2QygkQKvw"
TIMEOUT = 0.05
SLACK = 0.5
"""Seconds that a busy machine may add to the timeout."""


class Kept(Memory, Protocol):
    """A memory whose marks can be waited for and lost."""

    async def settled(self) -> None: ...

    async def flush(self) -> None: ...


@dataclass
class RealMemory:
    """The memory in Redis."""

    memory: RedisMemory
    server: RedisServer
    metrics: Metrics = field(default_factory=lambda: new_metrics("ingress"))

    async def holds(self, event: StripeEvent) -> bool:
        return await self.memory.holds(event)

    def keep(self, event: StripeEvent) -> None:
        self.memory.keep(event)

    async def settled(self) -> None:
        await self.memory._marks.settled()
        await asyncio.sleep(0)

    async def flush(self) -> None:
        await self.command("FLUSHALL")

    async def command(self, *words: Any) -> Any:
        """Run a command as an operator would, over a connection of its own."""
        operator = Redis.from_url(self.server.url)
        try:
            return await operator.execute_command(*words)  # type: ignore[no-untyped-call]
        finally:
            await operator.aclose()

    async def connections(self) -> int:
        """How many the memory has."""
        listed: bytes = await self.command("CLIENT", "LIST")
        return listed.count(b" name=tollbridge-ingress ")

    def counted(self, what: str, outcome: str) -> float:
        name = f"tollbridge_redis_{what}_total"
        return self.metrics.registry.get_sample_value(name, {"outcome": outcome}) or 0.0

    @property
    def circuit(self) -> float | None:
        return self.metrics.registry.get_sample_value("tollbridge_redis_circuit_state")


@asynccontextmanager
async def opened(server: RedisServer, log: str = LOG, **given: str) -> AsyncIterator[RealMemory]:
    metrics = new_metrics("ingress")
    settings = read_settings({**server.environment(), "TOLLBRIDGE_REDIS_TIMEOUT": "1", **given})
    memory = build_memory(settings, SystemClock(), metrics)
    assert memory is not None
    await memory.open(log)
    yield RealMemory(memory, server, metrics)
    await memory.close()


@pytest.fixture
async def real(redis_server: RedisServer) -> AsyncIterator[RealMemory]:
    async with opened(redis_server, TOLLBRIDGE_REDIS_TIMEOUT=str(TIMEOUT)) as memory:
        yield memory


@pytest.fixture
async def patient(redis_server: RedisServer) -> AsyncIterator[RealMemory]:
    """A memory that waits for a second: for promises that are not about time, on a busy machine."""
    async with opened(redis_server) as memory:
        yield memory


@pytest.fixture(params=["fake", "redis"])
def memory(request: pytest.FixtureRequest) -> Kept:
    if request.param == "fake":
        return FakeMemory()
    patient: RealMemory = request.getfixturevalue("patient")
    return patient


async def kept(memory: Kept, *events: StripeEvent) -> None:
    for event in events:
        memory.keep(event)
    await memory.settled()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(15):
        while not await condition():  # noqa: ASYNC110 - Redis has no event to offer
            await asyncio.sleep(0.02)


# What every memory does


async def test_what_was_never_kept_is_not_held(memory: Kept) -> None:
    assert not await memory.holds(EVENT)


async def test_what_was_kept_is_held(memory: Kept) -> None:
    await kept(memory, EVENT, EVENT)
    assert await memory.holds(EVENT)


async def test_an_event_is_told_by_account_mode_and_id_and_by_nothing_else(memory: Kept) -> None:
    await kept(memory, EVENT)
    for other in ({"account": "acct_1"}, {"livemode": False}, {"id": "evt_2"}):
        assert not await memory.holds(replace(EVENT, **other))
    assert await memory.holds(replace(EVENT, api_version="2018-05-21", created=1))


async def test_hundreds_are_kept_and_asked_for_at_once(memory: Kept) -> None:
    events = [replace(EVENT, id=f"evt_{n}") for n in range(1000)]
    await kept(memory, *events[::2])
    assert await asyncio.gather(*(memory.holds(one) for one in events)) == [True, False] * 500


async def test_the_longest_ids_are_kept(memory: Kept) -> None:
    longest = replace(EVENT, id="é" * 255, account="a" * 255)
    await kept(memory, longest)
    assert await memory.holds(longest)


async def test_what_was_flushed_is_not_held_and_can_be_kept_again(memory: Kept) -> None:
    await kept(memory, EVENT)
    await memory.flush()
    assert not await memory.holds(EVENT)
    await kept(memory, EVENT)
    assert await memory.holds(EVENT)


# What Redis may do


async def answers_in_time(real: RealMemory, *, held: bool = False) -> None:
    """Ask and keep once: the answer comes within the timeout, and nothing is raised."""
    began = time.monotonic()
    answer = await real.holds(EVENT)
    real.keep(EVENT)
    assert time.monotonic() - began < TIMEOUT + SLACK
    assert answer is held


async def test_a_mark_expires(patient: RealMemory) -> None:
    await kept(patient, EVENT)
    (key,) = await patient.command("KEYS", "*")
    assert key.decode() == f"tollbridge:{LOG}:platform|live|evt_1"
    assert 86390 <= await patient.command("TTL", key) <= 86400


async def test_marks_are_about_one_topic_and_one_prefix(redis_server: RedisServer) -> None:
    async with opened(redis_server) as real:
        await kept(real, EVENT)
    async with opened(redis_server, "AaIJ95HpdcKdvkI9o7ePQw") as made_anew:
        assert not await made_anew.holds(EVENT)
    async with opened(redis_server, TOLLBRIDGE_REDIS_PREFIX="staging") as other:
        assert not await other.holds(EVENT)
    async with opened(redis_server) as again:
        assert await again.holds(EVENT)


async def test_a_value_that_is_not_the_events_own_is_no_mark(patient: RealMemory) -> None:
    await kept(patient, EVENT)
    (key,) = await patient.command("KEYS", "*")
    await patient.command("SET", key, b"tollbridge:another")
    assert not await patient.holds(EVENT)


async def test_a_redis_that_is_killed_is_passed_by_and_used_again_when_it_is_back(real: RealMemory) -> None:
    await kept(real, EVENT)
    await real.server.kill()
    for _ in range(5):
        await answers_in_time(real)
    assert real.circuit != 0
    assert real.memory.detail.startswith("passed by: Redis cannot be reached")
    assert real.counted("lookups", "skipped") >= 1
    await real.server.start()
    await until(lambda: asyncio.sleep(0, real.circuit == 0))
    assert not await real.holds(EVENT)
    await kept(real, EVENT)
    assert await real.holds(EVENT)
    assert real.memory.detail == ""


@pytest.mark.parametrize("how", ["frozen", "sleeping", "paused"])
async def test_a_redis_that_does_not_answer_costs_its_timeout_and_soon_nothing(
    real: RealMemory, how: str
) -> None:
    await kept(real, EVENT)
    ill = asyncio.create_task(asyncio.sleep(0))
    if how == "frozen":
        real.server.pause()
    elif how == "sleeping":
        ill = asyncio.create_task(real.command("DEBUG", "SLEEP", "3"))
        await asyncio.sleep(0.05)
    else:
        await real.command("CLIENT", "PAUSE", "3000", "ALL")
    for _ in range(4):
        await answers_in_time(real)
    assert real.circuit != 0
    began = time.monotonic()
    for _ in range(100):
        assert not await real.holds(EVENT)
    assert time.monotonic() - began < 0.5, "a hundred webhooks waited"
    if how == "frozen":
        real.server.resume()
    await ill
    await until(lambda: real.holds(EVENT))
    assert real.circuit == 0


async def test_a_redis_that_is_full_still_answers_what_it_holds(redis_server: RedisServer) -> None:
    async with opened(redis_server) as real:
        await kept(real, EVENT)
        await real.command("CONFIG", "SET", "maxmemory", "1")
        await kept(real, replace(EVENT, id="evt_2"))
        assert await real.holds(EVENT)
        assert not await real.holds(replace(EVENT, id="evt_2"))
        assert real.counted("marks", "error") == 1
        assert real.memory.detail.startswith("takes no marks: Redis answered: ")
        assert real.circuit == 0
        await real.command("CONFIG", "SET", "maxmemory", "0")
        await kept(real, replace(EVENT, id="evt_2"))
        assert await real.holds(replace(EVENT, id="evt_2"))
        assert real.memory.detail == ""


async def test_a_wrong_password_is_said_without_it_and_redis_is_passed_by(
    redis_server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    port = redis_server.port
    await redis_server.kill()
    locked = RedisServer(port, password="correct")
    await locked.start()
    try:
        async with opened(locked, REDIS_URL=f"redis://:hush@127.0.0.1:{port}") as wrong:
            assert wrong.memory.detail.startswith("passed by: Redis refuses us: ")
            await answers_in_time(wrong)
            assert "hush" not in wrong.memory.detail + "".join(capsys.readouterr())
        async with opened(locked, REDIS_URL=f"redis://127.0.0.1:{port}") as none:
            assert none.memory.detail.startswith("passed by: Redis refuses us: ")
        async with opened(locked) as right:
            await kept(right, EVENT)
            assert await right.holds(EVENT)
    finally:
        await locked.kill()


@pytest.mark.parametrize(
    "greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"*1\r\n$nonsense\r\n", b":1\r\n" * 99]
)
async def test_something_else_that_listens_there_is_no_redis(greeting: bytes) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        server = RedisServer(other.sockets[0].getsockname()[1])
        async with opened(server, TOLLBRIDGE_REDIS_TIMEOUT=str(TIMEOUT)) as real:
            for _ in range(4):
                await answers_in_time(real)
            assert not await real.holds(EVENT)
        other.close()


async def test_however_many_webhooks_there_are_the_connections_are_few(patient: RealMemory) -> None:
    async def webhooks(n: int) -> None:
        event = replace(EVENT, id=f"evt_{n}")
        await patient.holds(event)
        patient.keep(event)

    await asyncio.gather(*(webhooks(n) for n in range(2000)))
    await patient.settled()
    assert 1 <= await patient.connections() <= 3
    commands = await patient.command("INFO", "commandstats")
    assert commands["cmdstat_mget"]["calls"] <= 2000 / 256 + 2


async def test_no_connection_is_left_after_the_end(redis_server: RedisServer) -> None:
    async with opened(redis_server) as real:
        await kept(real, EVENT)
        assert await real.holds(EVENT)

    async def gone() -> bool:
        return await real.connections() == 0

    await until(gone)
