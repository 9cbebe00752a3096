"""The NATS sink: `python -m app.processes.nats`."""

from __future__ import annotations

import sys

from agents.nats import NatsSink
from app.metrics.observer import PrometheusObserver
from app.nats.connection import connect
from app.nats.jetstream import JetStreamBus
from app.nats.stream import ensure_stream, wanted_stream
from app.processes.sink import breaker_check, new_backoff, new_breaker
from app.processes.worker import Parts, Work, main, sink_agent


def assemble(parts: Parts) -> Work:
    """Put the NATS sink together."""
    settings = parts.settings
    connection = connect(settings)
    bus = JetStreamBus(connection, settings.nats_stream, settings.nats_timeout)
    sink = NatsSink(
        bus,
        parts.dead_letters,
        new_breaker(settings),
        parts.clock,
        PrometheusObserver("nats", parts.metrics, parts.clock),
        backoff=new_backoff(),
        tracer=parts.tracer,
        subject_prefix=settings.nats_subject_prefix,
        limit=settings.in_flight,
    )
    parts.intake.when_released(sink.release)

    async def prepare() -> None:
        await ensure_stream(
            connection,
            wanted_stream(settings),
            parts.clock,
            new_backoff(),
            create=settings.nats_create_stream,
        )

    return Work(
        source=settings.billing_events_topic,
        agent=sink_agent(sink.accept),
        checks={"nats": breaker_check(lambda: sink.trouble)},
        prepare=prepare,
        background=(sink.run,),
        drain=sink.drain,
        close=bus.close,
    )


if __name__ == "__main__":
    sys.exit(main("nats", lambda settings: settings.nats_port, assemble))
