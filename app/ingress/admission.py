"""How many webhooks, and how many bytes of them, are let in at once: what bounds the ingress's memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Gauge


class Full(Exception):  # noqa: N818 - a state, not an error
    """No room now; the sender comes again."""


class Visit:
    """One webhook that has been let in."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._held = 0

    def hold(self, size: int) -> None:
        """Take room for `size` more bytes. Raises Full."""
        self._admission.take(size)
        self._held += size

    def leave(self) -> None:
        """Give all back."""
        self._admission.give(self._held)
        self._held = 0


class Admission:
    """Lets in at most `limit` webhooks with at most `limit_bytes` bytes between them."""

    def __init__(self, limit: int, limit_bytes: int, gauge: Gauge) -> None:
        self._limit = limit
        self._room = limit_bytes
        self._gauge = gauge
        self.in_flight = 0

    @contextmanager
    def enter(self) -> Iterator[Visit]:
        """Let one webhook in for as long as the context lasts. Raises Full."""
        if self.in_flight >= self._limit:
            raise Full
        self.in_flight += 1
        self._gauge.set(self.in_flight)
        visit = Visit(self)
        try:
            yield visit
        finally:
            visit.leave()
            self.in_flight -= 1
            self._gauge.set(self.in_flight)

    def take(self, size: int) -> None:
        """Take room for `size` bytes. Raises Full."""
        if size > self._room:
            raise Full
        self._room -= size

    def give(self, size: int) -> None:
        """Give room for `size` bytes back."""
        self._room += size
