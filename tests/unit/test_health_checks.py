"""Readiness is the worst that any part says, and a part that fails has said something."""

from __future__ import annotations

import asyncio

import pytest

from app.health.checks import READY, Check, Result, Status, evaluate


def says(status: Status, detail: str = "") -> Check:
    return lambda: Result(status, detail)


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ([], "ready"),
        (["ready", "ready"], "ready"),
        (["ready", "degraded"], "degraded"),
        (["degraded", "not_ready", "ready"], "not_ready"),
    ],
)
async def test_the_whole_is_as_ready_as_its_worst_part(parts: list[Status], whole: Status) -> None:
    report = await evaluate({str(n): says(status) for n, status in enumerate(parts)})
    assert report.status == whole


async def test_the_body_says_what_each_part_said() -> None:
    async def breaker() -> Result:
        return Result("degraded", "open: 401 Unauthorized")

    report = await evaluate({"kafka": lambda: READY, "breaker": breaker})
    assert report.body() == {
        "status": "degraded",
        "checks": {
            "kafka": {"status": "ready", "detail": ""},
            "breaker": {"status": "degraded", "detail": "open: 401 Unauthorized"},
        },
    }


async def test_a_check_that_raises_is_not_ready_and_says_why() -> None:
    def broken() -> Result:
        raise LookupError("no partitions")

    report = await evaluate({"tables": broken, "kafka": lambda: READY})
    assert report.results["tables"] == Result("not_ready", "the check failed: LookupError: no partitions")
    assert report.results["kafka"] is READY


async def test_a_check_that_hangs_does_not_hang_the_probe() -> None:
    async def hanging() -> Result:
        await asyncio.get_running_loop().create_future()
        return READY

    report = await evaluate({"kafka": hanging}, within=0)
    assert report.results["kafka"] == Result("not_ready", "no answer in 0 s")
