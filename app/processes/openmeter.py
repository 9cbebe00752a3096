"""The OpenMeter sink: `python -m app.processes.openmeter`."""

from __future__ import annotations

import sys

from agents.openmeter import OpenMeterSink
from app.metrics.observer import PrometheusObserver
from app.openmeter.client import connect
from app.processes.sink import breaker_check, new_backoff, new_breaker
from app.processes.worker import Parts, Work, main, sink_agent


def assemble(parts: Parts) -> Work:
    """Put the OpenMeter sink together."""
    settings = parts.settings
    client = connect(settings, parts.clock)
    sink = OpenMeterSink(
        client,
        parts.dead_letters,
        new_breaker(settings),
        parts.clock,
        PrometheusObserver("openmeter", parts.metrics, parts.clock),
        backoff=new_backoff(),
        tracer=parts.tracer,
        batch_size=settings.openmeter_batch_size,
        batch_age=settings.openmeter_batch_age,
        concurrency=settings.openmeter_concurrency,
    )
    parts.intake.when_released(sink.release)
    return Work(
        source=settings.billing_events_topic,
        agent=sink_agent(sink.accept),
        checks={"openmeter": breaker_check(lambda: sink.trouble)},
        background=(sink.run,),
        drain=sink.drain,
        close=client.close,
    )


if __name__ == "__main__":
    sys.exit(main("openmeter", lambda settings: settings.openmeter_port, assemble))
