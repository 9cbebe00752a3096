"""The ingress's parts by themselves: admission, problems, endpoints, the record."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from prometheus_client import Gauge

from app.ingress.admission import Admission, Full
from app.ingress.endpoints import endpoints
from app.ingress.problem import Problem
from app.ingress.record import webhook_record
from app.log_limit import LogLimit
from app.settings import SettingsError, read_settings
from billing.stripe_event import parse_event
from tests.fakes.clock import FakeClock


@pytest.fixture
def gauge() -> Gauge:
    return Gauge("in_flight", "Under test.", registry=None)


def test_no_more_are_let_in_than_the_limit_says(gauge: Gauge) -> None:
    admission = Admission(2, 100, gauge)
    with admission.enter(), admission.enter():
        with pytest.raises(Full), admission.enter():
            pytest.fail("a third was let in")
        assert gauge._value.get() == 2
    assert admission.in_flight == 0
    assert gauge._value.get() == 0


def test_no_more_bytes_are_held_than_the_limit_says(gauge: Gauge) -> None:
    admission = Admission(10, 100, gauge)
    with admission.enter() as one, admission.enter() as other:
        one.hold(60)
        with pytest.raises(Full):
            other.hold(41)
        other.hold(40)
    with admission.enter() as one:
        one.hold(100)


def test_room_is_given_back_whatever_happens(gauge: Gauge) -> None:
    admission = Admission(1, 100, gauge)
    for _ in range(3):
        with pytest.raises(Full), admission.enter() as visit:  # noqa: PT012 - it has to be left by the error
            visit.hold(99)
            visit.hold(2)
    assert admission.in_flight == 0


def test_a_problem_document_has_what_rfc_9457_names() -> None:
    response = Problem(503, "not_acknowledged", "Later.", retry_after=5).response()
    assert response.status == 503
    assert response.content_type == "application/problem+json"
    assert response.headers["Retry-After"] == "5"
    assert isinstance(response.body, bytes)
    assert orjson.loads(response.body) == {
        "type": "urn:tollbridge:problem:not-acknowledged",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "Later.",
    }


def test_an_ingress_without_secrets_says_which_variable_to_set() -> None:
    with pytest.raises(SettingsError, match="STRIPE_WEBHOOK_SECRETS: not set"):
        endpoints(read_settings({}))


def test_a_secret_that_is_no_text_is_refused_by_its_variable() -> None:
    with pytest.raises(SettingsError, match="STRIPE_WEBHOOK_SECRETS_EU_WEST: a secret is not UTF-8"):
        endpoints(read_settings({"STRIPE_WEBHOOK_SECRETS_EU_WEST": "\udcff"}))


def event(**fields: Any) -> bytes:
    document = {
        "id": "evt_1",
        "object": "event",
        "type": "invoice.paid",
        "created": 1_790_000_000,
        "livemode": True,
        "data": {"object": {"id": "in_1", "customer": "cus_1"}},
    }
    return orjson.dumps(document | fields)


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_record_keeps_the_bytes_and_tells_how_they_came() -> None:
    body = b"  " + event(api_version="2026-10-28.endive") + b"\n"
    record = webhook_record(
        "t", parse_event(body), body, endpoint="eu", secret=1, received=1_790_000_000.1234, traceparent=TRACE
    )
    assert record.value == body
    assert record.key == b"platform|live|cus_1"
    assert dict(record.headers) == {
        "endpoint": b"eu",
        "secret": b"1",
        "received": b"1790000000123",
        "content-type": b"application/json",
        "api-version": b"2026-10-28.endive",
        "traceparent": TRACE.encode(),
    }


@pytest.mark.parametrize("traceparent", [None, "", "nonsense", TRACE + "\n", TRACE.upper(), "é"])
def test_a_trace_context_that_is_none_is_left_out(traceparent: str | None) -> None:
    body = event()
    record = webhook_record(
        "t", parse_event(body), body, endpoint="default", secret=0, received=0.0, traceparent=traceparent
    )
    assert {name for name, _ in record.headers} == {"endpoint", "secret", "received", "content-type"}


def test_a_flood_of_one_kind_is_one_line_a_second_and_says_how_many_it_stands_for() -> None:
    clock = FakeClock()
    limit = LogLimit(clock)
    assert limit.unlogged("bad_signature") == 0
    assert [limit.unlogged("bad_signature") for _ in range(5)] == [None] * 5
    assert limit.unlogged("too_large") == 0
    clock.advance(1)
    assert limit.unlogged("bad_signature") == 5
    clock.advance(1)
    assert limit.unlogged("bad_signature") == 0
