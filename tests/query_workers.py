"""Lifecycle workers as far as queries go: the real handlers and routing over rows in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from pydantic import SecretStr
from yarl import URL

from app.health.handlers import Health
from app.health.server import HealthServer
from app.metrics.registry import new_metrics
from app.queries.forward import Forwarder
from app.queries.partition import partition_of
from app.queries.routes import Queries
from app.queries.routing import Routing
from billing.decide import Policy, decide, lookups
from billing.partition_key import partition_key
from billing.position import Position
from billing.stripe_event import parse_event
from billing.timeline import entry
from tables.lookup import Lookup
from tables.memory import Memory
from tables.row import Origin
from tables.timeline import Timeline, without_customer
from tests.fakes.rows import FakeRows

PARTITIONS = 8
NOW = 1_790_000_000


class Tables:
    """What has been decided about some events: the rows that the lifecycle agent would have written."""

    def __init__(self) -> None:
        self.subscriptions, self.timelines = FakeRows(), FakeRows(without_customer)
        self._memory = Memory(FakeRows(), self.subscriptions)
        self._timeline = Timeline(self.timelines, 50)
        self._offset = -1
        self.lookup = Lookup(self.subscriptions, self.timelines)

    def take(self, bodies: Iterable[bytes], policy: Policy | None = None) -> None:
        """Decide on each event and keep what is to be remembered."""
        for body in bodies:
            self._offset += 1
            told, wanted = parse_event(body), lookups(parse_event(body))
            partition = partition_of(partition_key(told), PARTITIONS)
            known = self._memory.recall(partition, wanted)
            position = Position("stripe.events", partition, self._offset)
            decision = decide(told, position, NOW, known, policy or Policy())
            origin = Origin(1, self._offset)
            list(self._memory.remember(partition, decision.remember, origin))
            if wanted.subscription is not None:
                if decision.subscription is not None:
                    self._memory.keep(partition, wanted.subscription, decision.subscription, origin)
                noted = entry(told, decision, self._offset, NOW)
                self._timeline.note(partition, wanted.subscription, noted, origin)


@dataclass
class FakeOwners:
    """`app.queries.owners.Owners` in a test's hands."""

    owned: frozenset[int]
    elsewhere: dict[URL, frozenset[int]] = field(default_factory=dict)

    def local(self) -> frozenset[int]:
        return self.owned

    def others(self) -> Mapping[URL, frozenset[int]]:
        return dict(self.elsewhere)


@dataclass
class Worker:
    """One that listens. `tables` should hold only what lies in the partitions that it owns."""

    url: URL
    owners: FakeOwners
    http: aiohttp.ClientSession

    async def get(
        self, path: str, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        url = URL(f"{self.url}{path}", encoded=True)
        async with self.http.get(url, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None), answer.headers


@asynccontextmanager
async def query_worker(
    tables: Tables, owned: Iterable[int] = range(PARTITIONS), token: str | None = None, seconds: float = 0.5
) -> AsyncIterator[Worker]:
    """Run one."""
    owners, forwarder, metrics = FakeOwners(frozenset(owned)), Forwarder(seconds), new_metrics("lifecycle")
    secret = None if token is None else SecretStr(token)
    queries = Queries(tables.lookup, Routing(owners, forwarder, PARTITIONS), PARTITIONS, secret)
    server = HealthServer("127.0.0.1", 0, Health(metrics.registry), metrics, queries.routes())
    await server.start()
    async with aiohttp.ClientSession() as http:
        try:
            yield Worker(URL(f"http://127.0.0.1:{server.port}"), owners, http)
        finally:
            await server.stop()
            await forwarder.close()


def introduce(*workers: Worker) -> None:
    """Tell each where the others are and what they own."""
    for worker in workers:
        worker.owners.elsewhere = {one.url: one.owners.owned for one in workers if one is not worker}
