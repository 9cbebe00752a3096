"""`tollbridge send`: its signature, its files, its choice of address and secret, its errors."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from pathlib import Path

import click
import httpx
import pytest
import stripe
from click.testing import CliRunner

from app.cli.event_files import BadFile, read_events
from app.cli.send import describe, secret_of, send, target_of
from app.cli.webhook import Answer, NobodyThere, post, signature_header
from app.local.status_file import Status, read_status, remove_status, write_status

HERE = Status(os.getpid(), "http://127.0.0.1:8081/webhooks/stripe", "whsec_local", {})


def test_the_signature_is_one_that_stripes_library_accepts() -> None:
    body = '{"id":"evt_1","note":"Grüße"}'.encode()
    header = signature_header(body, "whsec_1", 1_790_000_000)
    assert stripe.WebhookSignature.verify_header(body.decode(), header, "whsec_1")


def test_the_signature_names_its_time() -> None:
    assert signature_header(b"{}", "whsec_1", 1_790_000_000).startswith("t=1790000000,v1=")


@pytest.mark.parametrize(
    ("content", "events"),
    [
        (b'{"id":1}', [b'{"id":1}']),
        (b'{\n "id":1\n}\n', [b'{\n "id":1\n}\n']),
        (b'{"id":1}\n\n{"id":2}\n', [b'{"id":1}', b'{"id":2}']),
    ],
)
def test_a_file_holds_one_event_or_one_a_line_and_their_bytes_are_kept(
    content: bytes, events: list[bytes]
) -> None:
    assert list(read_events("file", io.BytesIO(content))) == events


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b'{"id":1}\n{"id":\n', "events.jsonl:2"),
        (b'{\n "id": 1,\n oops\n}', "events.jsonl:3"),
        (b"", "events.jsonl:1"),
    ],
)
def test_bad_json_is_reported_with_file_and_line(content: bytes, where: str) -> None:
    with pytest.raises(BadFile, match=f"^{where}: not JSON"):
        list(read_events("events.jsonl", io.BytesIO(content)))


def test_it_goes_to_the_stack_that_runs_here_unless_told_otherwise() -> None:
    assert target_of(None, HERE) == HERE.webhook_url
    assert target_of(None, None) == "http://127.0.0.1:8080/webhooks/stripe"
    assert target_of("https://example.com", HERE) == "https://example.com/webhooks/stripe"
    assert target_of("https://example.com/hooks/eu", HERE) == "https://example.com/hooks/eu"


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(click.UsageError, match="must begin with http"):
        target_of("localhost:8080", None)


def test_the_running_stacks_secret_is_used_for_that_stack_only() -> None:
    environment = {"STRIPE_WEBHOOK_SECRETS": "whsec_usual,whsec_old", "MINE": "whsec_mine"}
    assert secret_of(None, None, HERE, environment) == "whsec_local"
    assert secret_of("https://example.com", None, HERE, environment) == "whsec_usual"
    assert secret_of(None, "MINE", HERE, environment) == "whsec_mine"
    assert secret_of(None, None, None, environment) == "whsec_usual"


def test_a_missing_secret_names_the_variable() -> None:
    with pytest.raises(click.UsageError, match="no signing secret: MINE is empty"):
        secret_of(None, "MINE", HERE, {})


def test_a_type_that_it_cannot_make_lists_those_it_can(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(send, ["--type", "invoice.piad"], env={"STRIPE_WEBHOOK_SECRETS": "whsec_1"})
    assert result.exit_code == 2
    assert "invoice.piad cannot be made" in result.output
    assert "customer.subscription.deleted" in result.output


@pytest.mark.parametrize("arguments", [[], ["--type", "invoice.paid", "file.json"]])
def test_it_wants_files_or_a_type(arguments: list[str]) -> None:
    result = CliRunner().invoke(send, arguments)
    assert result.exit_code == 2
    assert "either files or --type" in result.output


def test_a_secret_cannot_be_given_as_an_argument() -> None:
    assert not {"secret"} & {parameter.name for parameter in send.params}


def test_the_answer_is_one_line_with_the_events_id_and_type() -> None:
    line = describe(b'{"id":"evt_1","type":"invoice.paid"}', Answer(400, '{\n "title": "Bad signature"\n}'))
    assert line == '400 evt_1 invoice.paid  { "title": "Bad signature" }'


async def answered(handler: Callable[[httpx.Request], httpx.Response]) -> Answer:
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
        return await post(client, "http://ingress/webhooks/stripe", b"{}", "t=1,v1=00")


async def test_the_exact_bytes_and_the_header_are_posted() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    assert (await answered(handler)).accepted
    assert seen[0].content == b"{}"
    assert seen[0].headers["Stripe-Signature"] == "t=1,v1=00"


@pytest.mark.parametrize("status", [400, 413, 503, 302])
async def test_whatever_is_not_2xx_is_not_accepted(status: int) -> None:
    assert not (await answered(lambda _: httpx.Response(status))).accepted


async def test_no_ingress_there_is_said_with_the_address() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(NobodyThere, match=r"no ingress answers at http://ingress/webhooks/stripe"):
        await answered(refuse)


def test_only_its_owner_can_read_the_file_with_the_secret(tmp_path: Path) -> None:
    path = tmp_path / "home" / "stack.json"
    write_status(HERE, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_status(path) == HERE


def test_a_stack_that_was_killed_does_not_run_here(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    assert read_status(path) is None
    write_status(Status(2**22 + 1, "http://127.0.0.1", None, {}), path)  # above Linux's greatest process id
    assert read_status(path) is None


def test_only_the_stacks_own_file_is_removed_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    write_status(Status(os.getppid(), "http://127.0.0.1", None, {}), path)
    remove_status(path)
    assert path.exists()
    write_status(HERE, path)
    remove_status(path)
    assert not path.exists()
