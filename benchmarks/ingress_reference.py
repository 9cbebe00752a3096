"""The ingress with something else behind it: `python -m benchmarks.ingress_reference verify_only|aiokafka`.

Two references. `verify_only` acknowledges at once: what HTTP, the signature and the parsing cost by
themselves, and so the most that any log behind them could reach. `aiokafka` awaits `send_and_wait`, as one
would write it first.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

from aiohttp import web
from aiokafka import AIOKafkaProducer

from agents.protocols import Delivered, Record
from app.clock import SystemClock
from app.health.handlers import Health
from app.ingress.application import RUNNER, build_application
from app.ingress.endpoints import endpoints
from app.kafka.address import parse_address
from app.logs import configure_logs
from app.metrics.registry import new_metrics
from app.settings import Settings, read_settings


class Nowhere:
    """Keeps nothing and says that it has."""

    async def send_and_wait(self, record: Record, timeout: float) -> Delivered:  # noqa: ARG002, ASYNC109 - the ingress's protocol
        """Acknowledge."""
        return Delivered(record.topic, 0, 0)


class Aiokafka:
    """One `send_and_wait` a record, acks=all and idempotent, as ours is.

    On Tansu it is not idempotent, because aiokafka's idempotence does not get on with it.
    """

    def __init__(self, settings: Settings) -> None:
        """Take Kafka's address."""
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None

    async def running(self, _application: web.Application) -> AsyncIterator[None]:
        """Be connected while the application runs."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=parse_address(self._settings.kafka_url).bootstrap,
            acks="all",
            enable_idempotence=not self._settings.one_record_batches,  # a setting for Tansu
        )
        await self._producer.start()
        yield
        await self._producer.stop()

    async def send_and_wait(self, record: Record, timeout: float) -> Delivered:  # noqa: ARG002, ASYNC109 - the ingress's protocol
        """Return when Kafka has acknowledged `record`."""
        assert self._producer is not None  # noqa: S101 - the application runs
        found = await self._producer.send_and_wait(
            record.topic, record.value, record.key, headers=list(record.headers)
        )
        return Delivered(found.topic, found.partition, found.offset)


def main(kind: str) -> None:
    """Serve until SIGTERM."""
    settings = read_settings()
    configure_logs(settings, "ingress")
    metrics = new_metrics("ingress")
    aiokafka = Aiokafka(settings) if kind == "aiokafka" else None
    application = build_application(
        settings,
        endpoints(settings),
        aiokafka or Nowhere(),
        clock=SystemClock(),
        metrics=metrics,
        health=Health(metrics.registry),
    )
    if aiokafka is not None:
        application.cleanup_ctx.append(aiokafka.running)
    web.run_app(application, host=settings.bind, port=settings.ingress_port, print=None, **RUNNER)


if __name__ == "__main__":
    main(sys.argv[1])
