"""The clock that other tests stand on."""

from __future__ import annotations

import asyncio

import pytest

from agents.clock import Clock
from app.clock import SystemClock
from tests.fakes.clock import START, FakeClock


async def test_a_sleeper_wakes_when_its_time_has_come_and_not_before() -> None:
    clock = FakeClock()
    sleeper = asyncio.ensure_future(clock.sleep(10))
    await asyncio.sleep(0)
    clock.advance(9.5)
    await asyncio.sleep(0)
    assert not sleeper.done()
    assert clock.sleeping == 1
    clock.advance(0.5)
    await sleeper
    assert clock.now() == START + 10


async def test_sleepers_wake_in_the_order_of_their_times() -> None:
    clock, woken = FakeClock(), list[int]()

    async def sleep(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    sleepers = [asyncio.ensure_future(sleep(seconds)) for seconds in (3, 1, 2)]
    await asyncio.sleep(0)
    clock.advance(5)
    await asyncio.gather(*sleepers)
    assert woken == [1, 2, 3]


async def test_an_automatic_clock_never_waits() -> None:
    clock = FakeClock(auto=True)
    await clock.sleep(3600)
    assert clock.now() == START + 3600
    assert clock.slept == [3600]


async def test_a_jump_of_the_wall_clock_moves_nobody() -> None:
    clock = FakeClock()
    before = clock.monotonic()
    sleeper = asyncio.ensure_future(clock.sleep(1))
    await asyncio.sleep(0)
    clock.jump(-3600)
    await asyncio.sleep(0)
    assert not sleeper.done()
    assert clock.monotonic() == before
    assert clock.now() == START - 3600
    sleeper.cancel()


def test_monotonic_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="does not go back"):
        FakeClock().advance(-1)


async def test_the_systems_clock_is_a_clock() -> None:
    clock: Clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0)
    assert clock.monotonic() >= before
    assert clock.now() > START - 10 * 365 * 86400
