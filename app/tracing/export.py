"""Spans on their way to a collector: OTLP over HTTP, in batches, on a thread of their own.

The queue is bounded (OTEL_BSP_MAX_QUEUE_SIZE, 2048 spans): what does not fit is dropped, and the road does
not wait. A collector that is down is one warning and, when it is back, one line that says what was lost.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

import requests
import structlog
from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from app.metrics.labels import Process
from app.settings import Settings
from app.tracing.otel import OtelTracer
from app.tracing.tracing import Tracing

log = structlog.get_logger()

LINKS = 1000
"""Links of one span at most: a request to OpenMeter has one for each event it carries."""


def open_export(settings: Settings, process: Process) -> Tracing:
    """Return a tracer whose spans go to the collector that `settings` name."""
    _quieten()
    exporter = WatchedExporter(_exporter(settings.traces_endpoint))
    provider = TracerProvider(
        resource=_resource(settings, process),
        shutdown_on_exit=False,  # it would wait 30 s for a collector that is down
        span_limits=SpanLimits(max_links=None if "OTEL_SPAN_LINK_COUNT_LIMIT" in os.environ else LINKS),
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    log.info("tracing_started", host=urlsplit(settings.traces_endpoint).hostname)
    return Tracing(OtelTracer(provider.get_tracer("tollbridge")), provider.shutdown)


class WatchedExporter(SpanExporter):
    """An exporter whose failures are told once, not once a batch."""

    def __init__(self, exporter: SpanExporter) -> None:
        """Export with `exporter`."""
        self._exporter = exporter
        self._reason = _Reason()
        self._lost = 0
        logging.getLogger(trace_exporter.__name__).addFilter(self._reason)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send `spans`; those that fail are lost."""
        self._reason.text = ""
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            if self._lost:
                log.info("trace_export_recovered", lost=self._lost)
            self._lost = 0
            return result
        if not self._lost:
            log.warning("trace_export_failed", spans=len(spans), why=self._reason.text)
        self._lost += len(spans)
        return result

    def shutdown(self) -> None:
        """Close the connections."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Do as the exporter does."""
        return self._exporter.force_flush(timeout_millis)


class _Reason(logging.Filter):
    """Keeps what the exporter would have logged of its last failure."""

    text = ""

    def filter(self, record: logging.LogRecord) -> bool:
        self.text = self.text or record.getMessage()
        return False


def _exporter(endpoint: str) -> SpanExporter:
    if urlsplit(endpoint).hostname not in {"127.0.0.1", "localhost", "::1"}:
        return trace_exporter.OTLPSpanExporter(endpoint)
    session = requests.Session()
    session.trust_env = False  # a proxy in the environment is for the world outside, not for this machine
    return trace_exporter.OTLPSpanExporter(endpoint, session=session)


def _resource(settings: Settings, process: Process) -> Resource:
    ours = {
        "service.name": f"tollbridge-{process}",
        "service.namespace": "tollbridge",
        "service.instance.id": settings.instance_id or f"{socket.gethostname()}-{os.getpid()}",
    }
    return Resource.create(ours).merge(OTELResourceDetector().detect())


def _quieten() -> None:
    # The first would quote OTEL_EXPORTER_OTLP_HEADERS, which hold a token; the settings have checked them.
    logging.getLogger("opentelemetry.util.re").setLevel(logging.CRITICAL)
    logging.getLogger("urllib3").setLevel(logging.WARNING)
