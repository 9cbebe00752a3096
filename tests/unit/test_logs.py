"""One log line an event, in one form whoever wrote it, and few of librdkafka's."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from aiohttp.http_exceptions import BadHttpMessage

from app.http_log import LOGGER, WithoutRequest
from app.kafka.librdkafka_log import librdkafka_logger
from app.logs import configure_logs
from app.settings import read_settings
from tests.fakes.clock import FakeClock


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(written: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in written.splitlines()]


def test_our_lines_and_a_librarys_are_json_of_one_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(read_settings({"TOLLBRIDGE_LOG_FORMAT": "json"}), "ingress")
    structlog.get_logger().info("webhook_accepted", event_id="evt_1")
    logging.getLogger("aiohttp.server").warning("slow %s", "client")
    ours, theirs = lines(capsys.readouterr().err)
    assert (ours["event"], ours["level"], ours["process"], ours["event_id"]) == (
        "webhook_accepted",
        "info",
        "ingress",
        "evt_1",
    )
    assert (theirs["event"], theirs["level"], theirs["process"]) == ("slow client", "warning", "ingress")
    assert str(ours["timestamp"]).endswith("Z")


def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(read_settings({"TOLLBRIDGE_LOG_LEVEL": "warning"}), "ingress")
    structlog.get_logger().info("webhook_accepted")
    logging.getLogger("x").info("chatter")
    structlog.get_logger().warning("webhook_refused")
    written = capsys.readouterr()
    assert written.out == ""
    assert "webhook_refused" in written.err
    assert len(written.err.splitlines()) == 1


def test_a_traceback_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(read_settings({"TOLLBRIDGE_LOG_FORMAT": "json"}), "ingress")
    try:
        raise LookupError("nothing there")
    except LookupError:
        logging.getLogger("aiohttp.server").exception("Unhandled exception")
    (line,) = lines(capsys.readouterr().err)
    assert "nothing there" in json.dumps(line["exception"])


def test_librdkafka_says_each_kind_of_thing_once_in_thirty_seconds(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    logger = librdkafka_logger(clock)
    for _ in range(20):
        logger.error("FAIL [thrd]: %s", "Connection refused")
    logger.error("REQTMOUT [thrd]: Timed out")
    clock.advance(30)
    logger.error("FAIL [thrd]: Connection refused")
    told = [(vars(line)["kind"], line.levelname, vars(line)["unlogged"]) for line in caplog.records]
    assert told == [("FAIL", "WARNING", 0), ("REQTMOUT", "WARNING", 0), ("FAIL", "WARNING", 19)]
    assert vars(caplog.records[0])["detail"] == "[thrd]: Connection refused"


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_no_values_for_they_hold_people(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(read_settings({"TOLLBRIDGE_LOG_FORMAT": form}), "lifecycle")
    webhook = {"email": "somebody@example.com"}
    try:
        raise LookupError(len(webhook))
    except LookupError:
        structlog.get_logger().exception("decision_failed")
    written = capsys.readouterr().err
    assert "LookupError" in written
    assert "somebody@example.com" not in written


def test_what_is_no_http_is_one_line_a_second_that_quotes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    logger = logging.Logger(LOGGER)  # noqa: LOG001 - its own, so that no other test's filter is on it
    logger.parent = logging.getLogger()
    logger.addFilter(WithoutRequest(clock))

    def broken() -> None:
        try:
            raise BadHttpMessage("Invalid header token: b'Authorization: Bearer tok'")
        except BadHttpMessage:
            logger.exception("Error handling request from %s", "127.0.0.1")

    broken()
    broken()
    clock.advance(1)
    broken()
    assert "tok" not in caplog.text
    assert [
        (line.msg, line.levelname, vars(line)["kind"], vars(line)["unlogged"]) for line in caplog.records
    ] == [
        ("request_malformed", "WARNING", "BadHttpMessage", 0),
        ("request_malformed", "WARNING", "BadHttpMessage", 1),
    ]


def test_a_fault_of_our_own_keeps_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.Logger(LOGGER)  # noqa: LOG001 - the same
    logger.parent = logging.getLogger()
    logger.addFilter(WithoutRequest(FakeClock()))
    try:
        raise LookupError("ours")
    except LookupError:
        logger.exception("Error handling request from %s", "127.0.0.1")
    assert caplog.records[0].exc_info is not None
