"""Whether a process is ready, asked of its parts."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Status = Literal["ready", "degraded", "not_ready"]

CHECK_SECONDS = 3.0
_WORST_LAST: tuple[Status, ...] = ("ready", "degraded", "not_ready")


@dataclass(frozen=True, slots=True)
class Result:
    """What one part says of itself. `detail` is for the operator; it holds no secret."""

    status: Status
    detail: str = ""


READY = Result("ready")
Check = Callable[[], Result | Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class Report:
    """What all parts say. Without parts a process is ready."""

    results: Mapping[str, Result]

    @property
    def status(self) -> Status:
        """Return the worst of the parts' states."""
        return max(
            (result.status for result in self.results.values()), key=_WORST_LAST.index, default="ready"
        )

    def body(self) -> dict[str, object]:
        """Return the report as /readyz tells it."""
        checks = {name: {"status": one.status, "detail": one.detail} for name, one in self.results.items()}
        return {"status": self.status, "checks": checks}


async def evaluate(checks: Mapping[str, Check], *, within: float = CHECK_SECONDS) -> Report:
    """Ask every check at once. One that does not answer within `within` seconds, or raises, is not ready."""
    results = await asyncio.gather(*(_ask(check, within) for check in checks.values()))
    return Report(dict(zip(checks, results, strict=True)))


async def _ask(check: Check, within: float) -> Result:
    try:
        async with asyncio.timeout(within):
            answer = check()
            return await answer if inspect.isawaitable(answer) else answer
    except TimeoutError:
        return Result("not_ready", f"no answer in {within:g} s")
    except Exception as error:  # noqa: BLE001 - a check that fails is an answer: not ready, and why
        return Result("not_ready", f"the check failed: {type(error).__name__}: {error}")
