"""`agents.tracing` over OpenTelemetry's SDK."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.context import Context

from agents.tracing import Cause, Kind, Span, valid

_KINDS = {
    "server": trace.SpanKind.SERVER,
    "producer": trace.SpanKind.PRODUCER,
    "consumer": trace.SpanKind.CONSUMER,
    "client": trace.SpanKind.CLIENT,
}


class OtelSpan:
    """Fulfils `agents.tracing.Span`."""

    __slots__ = ("span",)

    def __init__(self, span: trace.Span) -> None:
        """Take the SDK's span; one that is not sampled records nothing."""
        self.span = span

    @property
    def traceparent(self) -> str | None:
        """W3C Trace Context, version 00."""
        here = self.span.get_span_context()
        return f"00-{here.trace_id:032x}-{here.span_id:016x}-{here.trace_flags:02x}"

    def note(self, name: str, value: str | int) -> None:
        """Set an attribute."""
        if self.span.is_recording():
            self.span.set_attribute(name, value)

    def end(self, problem: str | None = None) -> None:
        """End the span; `problem` makes it an error."""
        if not self.span.is_recording():
            return
        if problem is not None:
            self.span.set_attribute("error.type", problem)
            self.span.set_status(trace.StatusCode.ERROR, problem)
        self.span.end()


class OtelTracer:
    """Fulfils `agents.tracing.Tracer`."""

    on = True

    def __init__(self, tracer: trace.Tracer) -> None:
        """Begin spans with `tracer`."""
        self._tracer = tracer

    def begin(self, name: str, kind: Kind, *causes: Cause) -> Span:
        """Begin a span. The first cause that is sampled is its parent; it and the others are linked."""
        known = [(cause, at) for cause in causes if (at := _context(cause)) is not None]
        told = [(cause, at) for cause, at in known if at.trace_flags.sampled] or known[:1]
        # Never the context's own span: what runs at the same time in this process is none of ours.
        context = Context()
        if told:
            context = trace.set_span_in_context(trace.NonRecordingSpan(told[0][1]), context)
        links = [trace.Link(at) for _, at in told[1:]]
        span = self._tracer.start_span(name, context, _KINDS[kind], links=links)
        if span.is_recording():
            for cause, _ in told[1:]:
                if isinstance(cause, OtelSpan):
                    cause.span.add_link(span.get_span_context())
        return OtelSpan(span)


def _context(cause: Cause) -> trace.SpanContext | None:
    if isinstance(cause, OtelSpan):
        return cause.span.get_span_context()
    if not isinstance(cause, str) or not valid(cause):
        return None
    _, trace_id, span_id, flags = cause.split("-")
    return trace.SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=trace.TraceFlags(int(flags, 16))
    )
