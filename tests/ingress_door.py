"""An ingress at work on the loopback, over a fake Kafka and a fake clock."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession, web
from yarl import URL

from app.health.handlers import Health
from app.ingress.application import RUNNER, build_application
from app.ingress.endpoints import endpoints
from app.metrics.labels import WEBHOOK_OUTCOMES
from app.metrics.registry import Metrics, new_metrics
from app.settings import read_settings
from tests.fakes.clock import START, FakeClock
from tests.fakes.door_memory import FakeMemory
from tests.fakes.outbox import FakeOutbox

LIMIT = 20_000
ENVIRONMENT = {
    "STRIPE_WEBHOOK_SECRETS": "whsec_new,whsec_old",
    "STRIPE_WEBHOOK_SECRETS_EU_WEST": "whsec_eu",
    "TOLLBRIDGE_INGRESS_MAX_BODY_BYTES": str(LIMIT),
    "TOLLBRIDGE_INGRESS_MAX_BUFFERED_BYTES": str(2 * LIMIT),
    "TOLLBRIDGE_INGRESS_MAX_IN_FLIGHT": "3",
    "TOLLBRIDGE_INGRESS_ACK_TIMEOUT": "0.1",
    "TOLLBRIDGE_INGRESS_BODY_TIMEOUT": "0.1",
}


def event(**fields: Any) -> bytes:
    document = {
        "id": "evt_1",
        "object": "event",
        "type": "invoice.paid",
        "api_version": "2026-10-28.endive",
        "created": int(START),
        "livemode": True,
        "data": {"object": {"id": "in_1", "object": "invoice", "customer": "cus_1"}},
    }
    return orjson.dumps(document | fields)


def signed(body: bytes, *secrets: str, at: float = START) -> str:
    signatures = [hmac.new(one.encode(), b"%d." % at + body, hashlib.sha256).hexdigest() for one in secrets]
    return ",".join([f"t={int(at)}", *(f"v1={signature}" for signature in signatures)])


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> str:
        """The label of a problem document."""
        assert self.headers["Content-Type"].startswith("application/problem+json")
        document = orjson.loads(self.body)
        assert document["status"] == self.status
        assert document["detail"]
        return str(document["type"]).removeprefix("urn:tollbridge:problem:").replace("-", "_")


@dataclass
class Door:
    """An ingress at work, and what it stands on."""

    kafka: FakeOutbox = field(default_factory=FakeOutbox)
    clock: FakeClock = field(default_factory=FakeClock)
    metrics: Metrics = field(default_factory=lambda: new_metrics("ingress"))
    closed: str | None = None
    remembers: bool = False
    memory: FakeMemory = field(init=False)
    port: int = 0
    session: ClientSession = field(init=False)

    def __post_init__(self) -> None:
        self.memory = FakeMemory(answers=lambda: self.remembers)

    async def post(
        self,
        body: Any,
        signature: str | None = None,
        path: str = "/webhooks/stripe",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Post `body`, by default as Stripe would sign it."""
        if signature is None:
            signature = signed(body, "whsec_new")
        sent = {"Stripe-Signature": signature, **(headers or {})}
        if not signature:
            del sent["Stripe-Signature"]
        async with self.session.post(self.url(path), data=body, headers=sent) as response:
            return Answer(response.status, dict(response.headers), await response.read())

    async def raw(self, text: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection and send `text` as it is."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(text)
        await writer.drain()
        return reader, writer

    def url(self, path: str) -> URL:
        return URL(f"http://127.0.0.1:{self.port}{path}", encoded=True)

    def counted(self, outcome: str, kind: str = "none", endpoint: str = "default") -> float:
        labels = {"endpoint": endpoint, "type": kind, "outcome": outcome}
        return self.metrics.registry.get_sample_value("stripe_webhooks_received_total", labels) or 0.0

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the server work until `condition` holds."""
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - the server has no event to offer
                await asyncio.sleep(0.001)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    door = Door()
    settings = read_settings(ENVIRONMENT)
    application = build_application(
        settings,
        endpoints(settings),
        door.kafka,
        clock=door.clock,
        metrics=door.metrics,
        health=Health(door.metrics.registry),
        closed=lambda: door.closed,
        memory=door.memory,
    )
    runner = web.AppRunner(application, **RUNNER)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    door.port = runner.addresses[0][1]
    async with ClientSession() as door.session:
        yield door
    await runner.cleanup()
    for family in door.metrics.webhooks_received.collect():
        assert {sample.labels["outcome"] for sample in family.samples} <= set(WEBHOOK_OUTCOMES)
    assert door.metrics.registry.get_sample_value("tollbridge_ingress_in_flight") == 0
