"""How a test makes the OpenMeter sandbox misbehave."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(slots=True)
class Fault:
    """An answer other than the right one, `times` times (None: until it is changed)."""

    status: int
    detail: str = "told to fail"
    times: int | None = None
    retry_after: str | None = None
    after_events: int = 0
    """Events of the batch that are ingested before it fails."""

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the answer."""
        return {"Retry-After": self.retry_after} if self.retry_after is not None else {}


@dataclass(slots=True)
class Control:
    """What is to go wrong, and what came."""

    requests: int = 0
    fault: Fault | None = None
    hang: float = 0.0
    max_body: int | None = None
    answered: dict[str, int] = field(default_factory=dict)

    def set(self, wanted: dict[str, Any]) -> None:
        """Take `{"fail": {"status", "times", "retry_after", "detail", "after_events"} or null,
        "hang": seconds, "max_body": bytes or null}`; what is not named stays.
        """  # noqa: D205 - one sentence that holds a document
        if "fail" in wanted:
            given = wanted["fail"]
            self.fault = None
            if given:
                after = given.get("retry_after")
                fields = {name: given[name] for name in ("detail", "times", "after_events") if name in given}
                self.fault = Fault(
                    status=int(given["status"]),
                    retry_after=None if after is None else str(after),
                    **fields,
                )
        if "hang" in wanted:
            self.hang = float(wanted["hang"])
        if "max_body" in wanted:
            self.max_body = wanted["max_body"]

    async def meet(self, request: web.Request, size: int) -> Fault | None:
        """Hang if told to; return the fault that this request meets."""
        if self.hang:
            await asyncio.sleep(self.hang)
        if self.max_body is not None and size > self.max_body:
            return self._count(Fault(413, f"the body has {size} bytes"))
        if self.fault is None or request.method != "POST":
            return None
        fault = self.fault
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self.fault = None
        return self._count(fault)

    def seen(self) -> dict[str, Any]:
        """Return the counts."""
        return {"requests": self.requests, "failed": dict(self.answered), "failing": self.fault is not None}

    def clear(self) -> None:
        """Behave again, and forget the counts."""
        self.requests, self.fault, self.hang, self.max_body = 0, None, 0.0, None
        self.answered.clear()

    def _count(self, fault: Fault) -> Fault:
        self.answered[str(fault.status)] = self.answered.get(str(fault.status), 0) + 1
        return fault
