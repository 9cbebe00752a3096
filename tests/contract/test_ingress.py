"""The ingress over HTTP: what it answers, what it keeps, and that 200 comes after Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.fakes.clock import START
from tests.ingress_door import LIMIT, Door, door, event, signed

__all__ = ["door"]


async def test_a_signed_webhook_is_kept_byte_by_byte_and_answered_200(door: Door) -> None:
    body = b" " + event() + b"\r\n"
    answer = await door.post(body)
    assert (answer.status, answer.body) == (200, b"")
    (record,) = door.kafka.delivered
    assert (record.topic, record.key, record.value) == ("stripe.events", b"platform|live|cus_1", body)
    assert dict(record.headers)["endpoint"] == b"default"
    assert dict(record.headers)["received"] == b"%d" % (START * 1000)
    assert door.counted("accepted", "invoice.paid") == 1


async def test_200_is_not_said_before_kafka_has_acknowledged(door: Door) -> None:
    door.kafka.mode = "withhold"
    answer = asyncio.create_task(door.post(event()))
    await door.until(lambda: door.kafka.withheld == 1)
    assert not answer.done()
    door.kafka.deliver()
    assert (await answer).status == 200


@pytest.mark.parametrize("mode", ["withhold", "refuse", "full"])
async def test_without_an_acknowledgement_the_sender_is_told_to_come_again(door: Door, mode: Any) -> None:
    door.kafka.mode = mode
    answer = await door.post(event())
    assert (answer.status, answer.problem, answer.headers["Retry-After"]) == (503, "not_acknowledged", "5")
    assert door.kafka.delivered == []
    assert door.counted("not_acknowledged", "invoice.paid") == 1


async def test_an_acknowledgement_that_comes_too_late_harms_nobody(door: Door) -> None:
    door.kafka.mode = "withhold"
    assert (await door.post(event())).status == 503
    door.kafka.deliver()
    door.kafka.mode = "deliver"
    assert (await door.post(event())).status == 200


async def test_nothing_is_taken_before_the_topics_have_been_seen(door: Door) -> None:
    door.closed = "Kafka does not answer"
    answer = await door.post(event())
    assert (answer.status, answer.problem, answer.headers["Retry-After"]) == (503, "not_ready", "5")
    assert door.kafka.records == []


@pytest.mark.parametrize(
    ("secrets", "position"),
    [(["whsec_new"], b"0"), (["whsec_old"], b"1"), (["whsec_other", "whsec_old"], b"1")],
)
async def test_while_a_secret_is_rolled_either_verifies_and_which_one_is_kept(
    door: Door, secrets: list[str], position: bytes
) -> None:
    body = event()
    assert (await door.post(body, signed(body, *secrets))).status == 200
    assert dict(door.kafka.delivered[0].headers)["secret"] == position
    labels = {"endpoint": "default", "secret": position.decode()}
    assert door.metrics.registry.get_sample_value("tollbridge_webhooks_verified_total", labels) == 1


async def test_a_named_endpoint_has_secrets_of_its_own(door: Door) -> None:
    body, path = event(), "/webhooks/stripe/eu-west"
    assert (await door.post(body, signed(body, "whsec_new"), path)).problem == "bad_signature"
    assert (await door.post(body, signed(body, "whsec_eu"), path)).status == 200
    assert dict(door.kafka.delivered[0].headers)["endpoint"] == b"eu-west"


async def test_an_endpoint_that_nobody_configured_is_404_and_one_label(door: Door) -> None:
    body = event()
    for name in ("us", "%00", "EU-WEST"):
        answer = await door.post(body, signed(body, "whsec_new"), f"/webhooks/stripe/{name}")
        assert (answer.status, answer.problem) == (404, "unknown_endpoint")
    assert door.counted("unknown_endpoint", endpoint="other") == 3


@pytest.mark.parametrize(
    ("signature", "problem"),
    [
        ("", "missing_signature"),
        ("nonsense", "malformed_signature"),
        (f"t={int(START)},v1={'0' * 64}", "bad_signature"),
        (signed(event(), "whsec_eu"), "bad_signature"),
        (signed(event(), "whsec_new", at=START - 301), "stale_timestamp"),
        (signed(event(), "whsec_new", at=START + 301), "future_timestamp"),
        (signed(event(id="evt_2"), "whsec_new"), "bad_signature"),
    ],
)
async def test_what_stripe_did_not_sign_just_now_is_refused(door: Door, signature: str, problem: str) -> None:
    answer = await door.post(event(), signature)
    assert (answer.status, answer.problem) == (400, problem)
    assert signed(event(), "whsec_new").rpartition("=")[2].encode() not in answer.body
    assert door.kafka.records == []
    assert door.counted(problem) == 1


@pytest.mark.parametrize("age", [-300, 300])
async def test_the_clocks_may_differ_by_the_tolerance(door: Door, age: int) -> None:
    body = event()
    assert (await door.post(body, signed(body, "whsec_new", at=START - age))).status == 200


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"\xff\xfe", "not_utf8"),
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"[" * 10_000, "not_json"),
        (b"[1]", "not_an_object"),
        (b"{}", "wrong_shape"),
        (event(created="yesterday"), "wrong_shape"),
        (event(data=None), "wrong_shape"),
    ],
)
async def test_a_signed_body_that_is_no_event_is_refused_and_said_to_be(
    door: Door, body: bytes, problem: str
) -> None:
    answer = await door.post(body)
    assert (answer.status, answer.problem) == (400, problem)
    assert door.kafka.records == []


@pytest.mark.parametrize("body", [b"{", b"[1]", b"{}"])
async def test_an_unsigned_body_is_not_looked_at(door: Door, body: bytes) -> None:
    assert (await door.post(body, signed(b"x", "whsec_new"))).problem == "bad_signature"


async def test_a_type_that_nobody_knows_is_kept_and_counted_as_other(door: Door) -> None:
    assert (
        await door.post(event(type="tax.form.from_the_future", api_version="2031-01-01.zinnia"))
    ).status == 200
    assert len(door.kafka.delivered) == 1
    assert door.counted("accepted", "other") == 1


async def test_an_api_version_is_counted_each_time_and_logged_the_first_time(door: Door) -> None:
    with capture_logs() as logs:
        for version in ("2018-11-08", "2026-10-28.endive", "2018-11-08"):
            await door.post(event(api_version=version))
    said = [line["api_version"] for line in logs if line["event"] == "stripe_api_version_first_seen"]
    assert said == ["2018-11-08", "2026-10-28.endive"]


async def test_the_largest_body_is_taken_and_one_byte_more_is_413(door: Door) -> None:
    frame = len(event(padding=""))
    assert (await door.post(event(padding="x" * (LIMIT - frame)))).status == 200
    answer = await door.post(event(padding="x" * (LIMIT - frame + 1)))
    assert (answer.status, answer.problem) == (413, "too_large")
    assert len(door.kafka.records) == 1


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 1000


async def test_a_chunked_body_over_the_limit_is_413_too(door: Door) -> None:
    answer = await door.post(chunks(LIMIT // 1000 + 1), "t=1,v1=0")
    assert (answer.status, answer.problem) == (413, "too_large")


async def test_an_endless_chunked_body_is_cut_off(door: Door) -> None:
    head = b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    reader, writer = await door.raw(head)
    writer.write((b"3e8\r\n" + b"x" * 1000 + b"\r\n") * (LIMIT // 1000 + 1))
    assert b" 413 " in await reader.readline()
    writer.close()


async def test_a_chunked_webhook_within_the_limit_is_taken(door: Door) -> None:
    body = event()

    async def slowly() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 50):
            yield body[start : start + 50]

    assert (await door.post(slowly(), signed(body, "whsec_new"))).status == 200
    assert door.kafka.delivered[0].value == body


async def test_a_body_that_does_not_come_is_408(door: Door) -> None:
    reader, writer = await door.raw(
        b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nx"
    )
    assert b" 408 " in await reader.readline()
    assert door.counted("too_slow") == 1
    writer.close()


async def test_a_client_that_goes_away_in_the_middle_is_counted_and_forgotten(door: Door) -> None:
    _, writer = await door.raw(b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nx")
    in_flight = door.metrics.registry.get_sample_value
    await door.until(lambda: in_flight("tollbridge_ingress_in_flight") == 1)
    writer.close()
    await door.until(lambda: door.counted("client_gone") == 1)
    assert (await door.post(event())).status == 200


async def test_a_client_that_goes_away_before_the_answer_does_not_stop_the_event(door: Door) -> None:
    door.kafka.mode = "withhold"
    body = event()
    head = f"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nStripe-Signature: {signed(body, 'whsec_new')}\r\n"
    _, writer = await door.raw(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await door.until(lambda: door.kafka.withheld == 1)
    writer.close()
    door.kafka.deliver()
    await door.until(lambda: door.counted("accepted", "invoice.paid") == 1)


async def test_wrong_chunks_are_a_bad_request_and_no_crash(door: Door) -> None:
    head = b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    reader, writer = await door.raw(head + b"zz\r\nnonsense\r\n")
    assert b" 400 " in await reader.readline()
    writer.close()
    assert (await door.post(event())).status == 200


async def test_a_compressed_body_is_not_unpacked(door: Door) -> None:
    answer = await door.post(event(), headers={"Content-Encoding": "gzip"})
    assert answer.status == 200
    assert door.kafka.delivered[0].value == event()


async def test_beyond_the_limit_in_flight_the_sender_is_told_to_come_again(door: Door) -> None:
    door.kafka.mode = "withhold"
    waiting = [asyncio.create_task(door.post(event(id=f"evt_{n}"))) for n in range(3)]
    await door.until(lambda: door.kafka.withheld == 3)
    answer = await door.post(event(id="evt_4"))
    assert (answer.status, answer.problem, answer.headers["Retry-After"]) == (503, "overloaded", "5")
    door.kafka.deliver()
    assert [(await one).status for one in waiting] == [200, 200, 200]
    door.kafka.mode = "deliver"
    assert (await door.post(event(id="evt_4"))).status == 200


async def test_the_bytes_in_flight_are_bounded_too(door: Door) -> None:
    door.kafka.mode = "withhold"
    large = [event(id=f"evt_{n}", padding="x" * (LIMIT - 1000)) for n in range(3)]
    waiting = [asyncio.create_task(door.post(body)) for body in large[:2]]
    await door.until(lambda: door.kafka.withheld == 2)
    assert (await door.post(large[2])).problem == "overloaded"
    door.kafka.deliver()
    assert [(await one).status for one in waiting] == [200, 200]


async def test_the_same_webhook_ten_times_at_once_is_kept_every_time_it_was_answered_200(door: Door) -> None:
    body = event()
    answers = await asyncio.gather(*(door.post(body) for _ in range(10)))
    assert {answer.status for answer in answers} <= {200, 503}
    assert len(door.kafka.delivered) == [answer.status for answer in answers].count(200)


async def test_other_paths_and_methods_are_problems_too(door: Door) -> None:
    async with door.session.get(door.url("/webhooks/stripe")) as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")
        assert response.content_type == "application/problem+json"
    assert (await door.post(event(), path="/webhooks")).problem == "not_found"


async def test_no_log_line_holds_a_secret_a_signature_or_a_body(
    door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    body = event(data={"object": {"id": "in_1", "customer": "cus_1", "customer_email": "jenny@example.com"}})
    signature = signed(body, "whsec_new")
    await door.post(body, signature)
    await door.post(body, signature.replace("v1=", "v1=0"))
    door.kafka.mode = "refuse"
    await door.post(body, signature)
    written = "".join(capsys.readouterr())
    assert "webhook_refused" in written
    for secret in ("whsec", signature, signature[-20:], "jenny", "cus_1"):
        assert secret not in written
