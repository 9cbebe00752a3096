"""Which worker answers for which partition, and where it is.

Faust's assignor hands the address of each member to all of them, with the assignment itself: no topic, no
gossip, nothing that could be older than the assignment. It is Faust's `canonical_url`, set from
TOLLBRIDGE_ADVERTISED_URL; Faust's own web server stays off.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Protocol, cast

import faust
from faust.tables.manager import TableManager
from yarl import URL

from app.kafka.consumer import Consumer
from app.settings import Settings

_EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not bound to


class Owners(Protocol):
    """Who answers for what, at this moment."""

    def local(self) -> frozenset[int]:
        """Return the partitions that this worker may answer for: owned for certain, and recovered."""
        ...

    def others(self) -> Mapping[URL, frozenset[int]]:
        """Return what the other workers own, by where they are."""
        ...


class FaustOwners:
    """`Owners`, as Faust knows them."""

    def __init__(self, app: faust.App, source: str, sure: Callable[[], bool]) -> None:
        """`source` is the topic whose partitions are meant.

        `sure` says whether we still own what we were assigned: a worker that was frozen has lost its
        partitions before it knows.
        """
        self._app = app
        self._source = source
        self._sure = sure

    def local(self) -> frozenset[int]:
        """Return none while partitions move or tables recover: their rows may be old, or in use."""
        app = self._app
        if not app.started or app.should_stop or app.rebalancing or app.in_recovery or not self._sure():
            return frozenset()
        consumer = app.consumer
        recovered = cast("TableManager", app.tables).recovery.completed.is_set()
        if not recovered or not isinstance(consumer, Consumer) or not consumer.rebalances:
            return frozenset()
        return frozenset(tp.partition for tp in consumer.assignment() if tp.topic == self._source)

    def others(self) -> Mapping[URL, frozenset[int]]:
        """Return what the last assignment gave to whom."""
        own = str(self._app.conf.canonical_url)
        return {
            URL(url): frozenset(topics.get(self._source, ()))
            for url, topics in self._app.router.external_topics_metadata().items()
            if url != own
        }


def advertised_url(settings: Settings) -> URL:
    """Return where other workers reach this one."""
    if settings.advertised_url is not None:
        return URL(settings.advertised_url)
    host = socket.gethostname() if settings.bind in _EVERYWHERE else settings.bind
    return URL.build(scheme="http", host=host, port=settings.lifecycle_port)
