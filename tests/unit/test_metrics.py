"""The metrics' vocabulary, and what a sink's observer makes of it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from agents.protocols import Message, Observer
from app.metrics.bounds import BoundedVersions, bounded_reason, bounded_type
from app.metrics.labels import BOUNDS, DEAD_LETTER_REASONS, DECISIONS, PROCESSES, SINKS, Process, Sink
from app.metrics.observer import PrometheusObserver
from app.metrics.registry import Metrics, new_metrics
from app.metrics.vocabulary import Declared, vocabulary
from billing.decision import Outcome, Problem
from tests.fakes.clock import START, FakeClock

UNPREFIXED = {
    "nats_circuit_state",
    "nats_messages_published_total",
    "openmeter_events_sent_total",
    "openmeter_flush_latency_seconds",
    "stripe_webhooks_received_total",
    "api_requests_total",
}
ALL = list(vocabulary())
ROOT = Path(__file__).parents[2]
PERSONAL = {"customer", "subscription", "event", "id", "subject", "email"}


@pytest.mark.parametrize("declared", ALL, ids=lambda declared: declared.attribute)
def test_a_name_says_its_application_kind_and_unit(declared: Declared) -> None:
    spec = declared.spec
    assert re.fullmatch(r"[a-z][a-z0-9_]*", spec.name)
    assert spec.name in UNPREFIXED or spec.name.startswith("tollbridge_")
    assert spec.name.endswith("_total") == (declared.kind == "counter")
    assert spec.unit != "seconds" or spec.name.endswith("_seconds")
    assert (declared.kind == "histogram") == bool(spec.buckets)
    assert spec.meaning.endswith(".")
    assert spec.action.endswith(".")
    assert not set(spec.labels) & PERSONAL


def test_no_label_is_without_a_bound() -> None:
    used = {label for declared in ALL for label in declared.spec.labels}
    assert used == BOUNDS.keys()


def test_each_reason_for_a_dead_letter_in_the_code_is_a_label() -> None:
    in_code = set(get_args(Problem))
    for path in [*(ROOT / "agents").rglob("*.py"), *(ROOT / "app").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="Reject"), args=[ast.Constant(value=str(reason)), *_]):
                    in_code.add(reason)
    assert in_code <= set(DEAD_LETTER_REASONS)
    assert [bounded_reason(reason) for reason in ("refused", "no such reason")] == ["refused", "other"]


def test_the_decisions_are_billings() -> None:
    assert set(DECISIONS) == set(Outcome)


def test_a_process_says_that_it_is_there_and_in_which_version() -> None:
    (info,) = [
        family for family in families(new_metrics("nats").registry) if family.name == "tollbridge_info"
    ]
    assert [(sample.labels["process"], sample.value) for sample in info.samples] == [("nats", 1)]


def test_the_six_names_that_dashboards_know_are_there() -> None:
    assert {declared.spec.name for declared in ALL} >= UNPREFIXED


def test_no_name_is_declared_twice() -> None:
    names = [declared.spec.name for declared in ALL]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_exposes_its_own_metrics_and_pythons(process: Process) -> None:
    metrics = new_metrics(process)
    exposed = {family.name for family in families(metrics.registry)}
    for declared in ALL:
        name = declared.spec.name.removesuffix("_total")
        assert (name in exposed) == (process in declared.spec.processes), name
    assert "process_resident_memory_bytes" in exposed
    assert "python_gc_collections" in exposed


@pytest.mark.parametrize("sink", SINKS)
def test_counters_with_known_labels_begin_at_nought(sink: Process) -> None:
    metrics = new_metrics(sink)
    name = {"openmeter": "openmeter_events_sent_total", "nats": "nats_messages_published_total"}[sink]
    for outcome in ("accepted", "duplicate", "rejected", "retried"):
        assert metrics.registry.get_sample_value(name, {"outcome": outcome}) == 0
    assert metrics.registry.get_sample_value("tollbridge_retries_total", {"sink": sink}) == 0
    assert metrics.registry.get_sample_value("tollbridge_rebalances_total", {"process": sink}) == 0


def test_two_processes_in_one_test_do_not_share_a_count() -> None:
    one, other = new_metrics("lifecycle"), new_metrics("lifecycle")
    one.seen_expired.inc()
    assert other.registry.get_sample_value("tollbridge_seen_expired_total") == 0


def test_types_and_versions_from_outside_stay_few() -> None:
    assert bounded_type("invoice.paid") == "invoice.paid"
    assert bounded_type("invoice.paid\n") == "other"
    assert bounded_type(None) == "none"
    versions = BoundedVersions(limit=2)
    labels = [
        versions.label(version)
        for version in ("2026-10-28.endive", "evil", None, "2024-06-20", "2023-08-16", "2024-06-20")
    ]
    assert labels == ["2026-10-28.endive", "other", "none", "2024-06-20", "other", "2024-06-20"]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def observed(sink: Sink, clock: FakeClock) -> tuple[Observer, Metrics]:
    metrics = new_metrics(sink)
    return PrometheusObserver(sink, metrics, clock), metrics


def test_a_delivery_is_timed_from_receipt_and_from_stripe(clock: FakeClock) -> None:
    observer, metrics = observed("openmeter", clock)
    headers = {"received": b"%d" % (START * 1000), "stripe-created": b"%d" % (START - 10)}
    clock.advance(0.75)
    observer.delivered(Message("billing.events", 0, 0, None, b"", headers))
    value = metrics.registry.get_sample_value
    assert value("tollbridge_receipt_to_sink_seconds_sum", {"sink": "openmeter"}) == pytest.approx(0.75)
    assert value("tollbridge_stripe_to_sink_seconds_sum", {"sink": "openmeter"}) == pytest.approx(10.75)


@pytest.mark.parametrize("header", [b"", b"soon", b"-1", b"1.5", b"\xd9\xa1"])
def test_a_header_that_is_no_time_is_not_counted(header: bytes, clock: FakeClock) -> None:
    observer, metrics = observed("nats", clock)
    observer.delivered(Message("t", 0, 0, None, b"", {"received": header, "stripe-created": header}))
    assert (
        metrics.registry.get_sample_value("tollbridge_receipt_to_sink_seconds_count", {"sink": "nats"}) == 0
    )


def test_the_nats_breaker_shows_under_both_names(clock: FakeClock) -> None:
    observer, metrics = observed("nats", clock)
    for state, value in (("open", 2), ("half_open", 1), ("closed", 0)):
        observer.breaker(state)
        assert metrics.registry.get_sample_value("nats_circuit_state") == value
        assert metrics.registry.get_sample_value("tollbridge_circuit_state", {"sink": "nats"}) == value


def test_half_open_neither_ends_an_outage_nor_begins_one(clock: FakeClock) -> None:
    observer, metrics = observed("openmeter", clock)
    value = metrics.registry.get_sample_value
    seen = []
    for state in ("closed", "open", "half_open", "open", "half_open", "closed"):
        observer.breaker(state)
        since = value("tollbridge_circuit_since_timestamp_seconds", {"sink": "openmeter"})
        seen.append((since, value("tollbridge_circuit_opened_total", {"sink": "openmeter"})))
        clock.advance(10)
    assert seen == [(START, 0), *[(START + 10, 1)] * 4, (START + 50, 1)]


def test_what_is_retried_counts_as_sent_and_as_retry(clock: FakeClock) -> None:
    observer, metrics = observed("openmeter", clock)
    observer.sent("retried", 3)
    observer.flushed(3, 0.2)
    value = metrics.registry.get_sample_value
    assert value("openmeter_events_sent_total", {"outcome": "retried"}) == 3
    assert value("tollbridge_retries_total", {"sink": "openmeter"}) == 3
    assert value("tollbridge_batch_size_events_sum", {"sink": "openmeter"}) == 3
    assert value("openmeter_flush_latency_seconds_count") == 1


def families(registry: CollectorRegistry) -> list[Metric]:
    return list(text_string_to_metric_families(generate_latest(registry).decode()))
