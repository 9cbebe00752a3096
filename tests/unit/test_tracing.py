"""A trace's context goes on from step to step; while nobody traces, nothing is different."""

from __future__ import annotations

import ast
import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from structlog.testing import capture_logs

from agents.effects import Effects
from agents.errors import Stop
from agents.journeys import Journeys
from agents.protocols import Message, Record
from agents.tracing import UNTRACED, Tracer, begin_processing, cause_of, handed_on, trace_id, valid
from app.settings import SettingsError, read_settings
from app.tracing.export import WatchedExporter
from app.tracing.otel import OtelTracer
from app.tracing.tracing import CLOSE_SECONDS, Tracing, open_tracing
from tests.fakes.outbox import FakeOutbox
from tests.fakes.sink_events import FakeHeld, hold

ROOT = Path(__file__).resolve().parents[2]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SAMPLED = f"00-{TRACE}-00f067aa0ba902b7-01"
UNSAMPLED = f"00-{TRACE}-00f067aa0ba902b7-00"


class Traces:
    """A tracer, and what it told."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._memory = InMemorySpanExporter()
        provider = provider or TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._memory))
        self.tracer = OtelTracer(provider.get_tracer("test"))

    @property
    def told(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._memory.get_finished_spans()}


def message(traceparent: str | None) -> Message:
    headers = {} if traceparent is None else {"traceparent": traceparent.encode()}
    return Message("stripe.events", 3, 7, b"k", b"v", {"event-id": b"evt_1", **headers})


def fail(stop: Stop) -> None:
    raise stop


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "nonsense",
        SAMPLED.upper(),
        SAMPLED + "\n",
        SAMPLED + "-more",
        f"ff{SAMPLED[2:]}",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        "é" * 55,
    ],
)
def test_a_traceparent_that_is_none_is_neither_used_nor_handed_on(wrong: str) -> None:
    assert not valid(wrong)
    assert trace_id(wrong) is None
    assert cause_of(Message("t", 0, 0, None, b"", {"traceparent": wrong.encode("latin-1")})) is None
    traces = Traces()
    traces.tracer.begin("first", "server", wrong).end()
    assert traces.told["first"].parent is None


def test_a_traceparent_begins_no_trace_but_goes_on_with_its_own() -> None:
    traces = Traces()
    span = traces.tracer.begin("step", "server", SAMPLED)
    span.end()
    assert valid(span.traceparent or "")
    assert trace_id(span.traceparent) == TRACE
    parent = traces.told["step"].parent
    assert parent is not None
    assert f"{parent.span_id:016x}" == "00f067aa0ba902b7"


def test_what_the_sender_does_not_sample_is_not_told_but_its_trace_goes_on() -> None:
    traces = Traces()
    first = traces.tracer.begin("first", "server", UNSAMPLED)
    second = traces.tracer.begin("second", "producer", first)
    second.end()
    first.end()
    assert traces.told == {}
    assert trace_id(second.traceparent) == TRACE
    assert (second.traceparent or "").endswith("-00")


def test_many_causes_are_linked_both_ways_and_the_first_sampled_is_the_parent() -> None:
    sampled_only_by_parent = TracerProvider(sampler=ParentBased(ALWAYS_OFF), shutdown_on_exit=False)
    traces = Traces(sampled_only_by_parent)
    unsampled = traces.tracer.begin("unsampled", "consumer")
    causes = [traces.tracer.begin(name, "consumer", SAMPLED) for name in ("one", "two", "three")]
    request = traces.tracer.begin("request", "client", unsampled, *causes)
    for span in (request, *causes, unsampled):
        span.end()
    told = traces.told
    assert told.keys() == {"request", "one", "two", "three"}

    def links(name: str) -> set[int]:
        return {link.context.span_id for link in told[name].links}

    def own(name: str) -> int:
        context = told[name].context
        assert context is not None
        return int(context.span_id)

    parent = told["request"].parent
    assert parent is not None
    assert parent.span_id == own("one")
    assert links("request") == {own("two"), own("three")}
    assert links("two") == links("three") == {own("request")}
    assert links("one") == set()


def test_ending_twice_and_noting_late_change_nothing(caplog: pytest.LogCaptureFixture) -> None:
    traces = Traces()
    span = traces.tracer.begin("step", "client")
    span.end("refused")
    span.note("late", 1)
    span.end()
    told = traces.told["step"]
    assert not told.status.is_ok
    assert dict(told.attributes or {}) == {"error.type": "refused"}
    assert caplog.records == []


async def test_what_a_message_tells_carries_the_step_that_sent_it() -> None:
    traces, outbox = Traces(), FakeOutbox()
    held = FakeHeld(message(SAMPLED))
    effects = Effects(held, outbox, fail, traces.tracer)
    effects.send(Record("changes", b"k", b"v", (), 3), lambda _: None)
    effects.send(Record("billing.events", b"k", b"v", (("traceparent", b"old"), ("event-id", b"evt_1"))))
    effects.finish()
    assert traces.told == {}, "nothing is durable yet"
    await asyncio.sleep(0)
    assert held.settled == 1
    change, fact = outbox.records
    assert change.headers == ()
    assert fact.headers[0] == ("event-id", b"evt_1")
    assert [name for name, _ in fact.headers].count("traceparent") == 1
    told = traces.told
    assert told.keys() == {"process stripe.events", "send billing.events"}
    sent, processed = told["send billing.events"].context, told["process stripe.events"].context
    assert sent is not None
    assert processed is not None
    assert dict(fact.headers)["traceparent"] == f"00-{TRACE}-{sent.span_id:016x}-01".encode()
    parent = told["send billing.events"].parent
    assert parent is not None
    assert parent.span_id == processed.span_id


async def test_a_record_that_kafka_gives_up_ends_its_step_as_an_error() -> None:
    traces, stops = Traces(), list[Stop]()
    effects = Effects(FakeHeld(message(SAMPLED)), FakeOutbox("refuse"), stops.append, traces.tracer)
    effects.send(Record("billing.events", b"k", b"v"))
    effects.finish()
    await asyncio.sleep(0)
    assert len(stops) == 1
    assert traces.told.keys() == {"send billing.events"}
    assert not traces.told["send billing.events"].status.is_ok


def test_a_step_that_was_abandoned_is_not_told() -> None:
    traces = Traces()
    journeys = Journeys(traces.tracer, "nats")
    settled, abandoned = hold(2)
    journeys.begin([settled, abandoned])
    journeys.end([settled], "accepted")
    journeys.forget([settled, abandoned])
    assert len(traces.told) == 1
    journeys.begin([abandoned])
    journeys.end([abandoned], "rejected", "malformed")
    assert not traces.told["process billing.events"].status.is_ok


async def test_while_nobody_traces_every_record_is_the_very_one() -> None:
    record = Record("billing.events", b"k", b"v", (("traceparent", SAMPLED.encode()),))
    assert handed_on(record, UNTRACED) is record
    outbox = FakeOutbox()
    effects = Effects(FakeHeld(message(SAMPLED)), outbox, fail)
    effects.send(record)
    assert outbox.records[0] is record
    assert effects.span is begin_processing(UNTRACED, message(SAMPLED)) is UNTRACED


def test_while_nobody_traces_nothing_is_kept_of_a_message() -> None:
    journeys = Journeys(UNTRACED, "nats")
    messages = hold(3)
    journeys.begin(messages)
    assert journeys.request(messages) is UNTRACED
    assert vars(journeys)["_spans"] == {}
    journeys.end(messages, "accepted")


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_SERVICE_NAME": "bills"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_nothing_is_traced_unless_a_collector_is_named(environment: dict[str, str]) -> None:
    assert open_tracing(read_settings(environment), "nats").tracer is UNTRACED


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "http://c:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/in/"}, "http://c:4318/in/v1/traces"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://d/t"},
            "http://d/t",
        ),
    ],
)
def test_the_collectors_address_is_made_as_opentelemetry_says(
    environment: dict[str, str], address: str
) -> None:
    settings = read_settings(environment)
    assert settings.traced
    assert settings.traces_endpoint == address


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "tok_secret"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
    ],
)
def test_a_wrong_variable_stops_the_start_and_shows_no_secret(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({name: value})
    assert name in str(refused.value)
    assert "tok_secret" not in str(refused.value)


class Broken(SpanExporter):
    """An exporter whose collector is there when `works` is set."""

    works = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        assert spans
        return SpanExportResult.SUCCESS if self.works else SpanExportResult.FAILURE


def test_a_collector_that_is_down_is_one_warning_and_back_one_line() -> None:
    broken = Broken()
    watched = WatchedExporter(broken)
    traces = Traces()
    for number in range(3):
        traces.tracer.begin(f"span {number}", "client").end()
    spans = list(traces.told.values())
    with capture_logs() as lines:
        watched.export(spans)
        watched.export(spans[:1])
        broken.works = True
        watched.export(spans)
        watched.export(spans)
    assert [(line["log_level"], line["event"]) for line in lines] == [
        ("warning", "trace_export_failed"),
        ("info", "trace_export_recovered"),
    ]
    assert (lines[0]["spans"], lines[1]["lost"]) == (3, 4)


async def test_the_end_does_not_wait_for_a_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr("app.tracing.tracing.CLOSE_SECONDS", 0.01)
    assert CLOSE_SECONDS <= 5
    tracer: Tracer = Traces().tracer
    async with asyncio.timeout(5):
        await Tracing(tracer, never.wait).close()  # type: ignore[arg-type] # its answer is nobody's
    never.set()


def test_only_the_adapter_knows_opentelemetry_and_nothing_else_imports_it() -> None:
    """So a process that does not trace neither loads nor pays for it."""
    heavy = {"app/tracing/otel.py", "app/tracing/export.py"}
    knows: set[str] = set()
    for folder in ("billing", "tables", "agents", "app"):
        for path in (ROOT / folder).rglob("*.py"):
            module = path.relative_to(ROOT).as_posix()
            for node in ast.parse(path.read_text(encoding="utf-8")).body:  # a function's own are not run
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                if any(name.startswith(("opentelemetry", "app.tracing.otel")) for name in names):
                    knows.add(module)
                if any(name.startswith("app.tracing.export") for name in names):
                    knows.add(module)
    assert knows == heavy
