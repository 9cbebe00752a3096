"""A part of a worker that fails, however it fails, stops the worker with a reason."""

from __future__ import annotations

import pytest

from agents.errors import Stop
from app.processes.worker import stopped_by


async def work(outcome: BaseException | None) -> None:
    if outcome is not None:
        raise outcome


async def test_a_part_that_ends_stops_nothing() -> None:
    assert await stopped_by(work(None)) is None


async def test_a_stop_is_the_reason() -> None:
    stop = Stop("Mend the topic.")
    assert await stopped_by(work(stop)) is stop


@pytest.mark.parametrize("bug", [OSError(28, "No space left on device"), KeyError("x")])
async def test_anything_else_is_a_reason_too_and_is_logged(bug: Exception) -> None:
    stop = await stopped_by(work(bug))
    assert type(bug).__name__ in str(stop)
