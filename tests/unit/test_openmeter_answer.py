from __future__ import annotations

from collections.abc import Mapping

import pytest

from agents.errors import Reject, Retry, Trip
from app.openmeter.answer import judge, retry_after

NOW = 1_790_000_000.0  # Mon, 21 Sep 2026 14:13:20 GMT
PROBLEM = b'{"type":"about:blank","title":"Bad Request","detail":"no subject","instance":"urn:x"}'


def verdict(status: int, body: bytes = PROBLEM, headers: Mapping[str, str] | None = None) -> Exception | None:
    try:
        judge(status, headers or {}, body, NOW)
    except (Reject, Retry) as error:
        return error
    return None


@pytest.mark.parametrize("status", [200, 202, 204])
def test_success_is_accepted(status: int) -> None:
    assert verdict(status, b"") is None


@pytest.mark.parametrize("status", [400, 412, 413, 422])
def test_what_concerns_the_events_is_refused_with_the_problems_words(status: int) -> None:
    error = verdict(status)
    assert isinstance(error, Reject)
    assert error.reason == ("too_large" if status == 413 else "refused")
    assert error.detail == f"OpenMeter answered {status}: Bad Request: no subject."


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_passes_is_tried_again(status: int) -> None:
    assert type(verdict(status)) is Retry


@pytest.mark.parametrize("status", [301, 302, 307, 308, 401, 402, 403, 404, 405, 407, 409, 410, 415, 451])
def test_what_is_the_same_for_every_event_opens_the_breaker_and_buries_nothing(status: int) -> None:
    assert type(verdict(status)) is Trip


@pytest.mark.parametrize("status", [200, 400])
def test_a_web_page_is_not_openmeters_answer(status: int) -> None:
    error = verdict(status, b"<html>Sign in</html>", {"content-type": "text/html; charset=utf-8"})
    assert isinstance(error, Trip)
    assert "OPENMETER_URL" in error.detail


def test_a_refused_token_names_the_setting() -> None:
    error = verdict(401)
    assert isinstance(error, Trip)
    assert "OPENMETER_TOKEN" in error.detail


def test_a_redirect_says_where_to() -> None:
    error = verdict(307, b"", {"location": "https://elsewhere.example/"})
    assert isinstance(error, Trip)
    assert "https://elsewhere.example/" in error.detail


def test_an_answer_that_is_no_problem_document_is_quoted_on_one_bounded_line() -> None:
    error = verdict(503, b"upstream\r\n" + b"x" * 10_000 + b"\xff")
    assert isinstance(error, Retry)
    assert "\n" not in error.detail
    assert len(error.detail) < 600


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("Mon, 21 Sep 2026 14:14:20 GMT", 60.0),
        ("Mon, 21 Sep 2026 14:12:20 GMT", 0.0),
        ("Mon, 21 Sep 2026 14:14:20 -0000", 60.0),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_or_a_date_and_never_negative(
    value: str | None, seconds: float | None
) -> None:
    assert retry_after(value, NOW) == seconds


def test_a_retry_carries_what_was_asked_for() -> None:
    error = verdict(429, headers={"retry-after": "12"})
    assert isinstance(error, Retry)
    assert error.after == 12.0
