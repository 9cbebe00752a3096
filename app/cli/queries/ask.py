"""Asks a lifecycle worker, and says in a sentence what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import click
import httpx

from app.local.status_file import Status

USUAL_URL = "http://127.0.0.1:6066"
TOKEN = "TOLLBRIDGE_QUERY_TOKEN"  # noqa: S105 - the variable's name, not a secret
NOT_FOUND, REFUSED, UNAVAILABLE = 1, 2, 3
SECONDS = 10.0


class Unanswered(click.ClickException):
    """No answer; the text says why, and `exit_code` what to do: 1 unknown, 2 ask otherwise, 3 ask later."""

    def __init__(self, code: int, sentence: str) -> None:
        """Take the exit code and the sentence."""
        super().__init__(sentence)
        self.exit_code = code


def worker_url(url: str | None, status: Status | None) -> str:
    """Return whom to ask: `url`, else the stack that runs here, else the usual address."""
    if url is None:
        return status.addresses.get("lifecycle", USUAL_URL) if status else USUAL_URL
    if urlsplit(url).scheme not in ("http", "https"):
        raise click.UsageError(f"--url {url} must begin with http:// or https://")
    return url.rstrip("/")


def path_of(*parts: str) -> str:
    """Return a path below /v1; ids may hold anything, but there must be one. Raises click.UsageError."""
    if not all(parts):
        raise click.UsageError("the id is empty")
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def ask(url: str, path: str, query: Mapping[str, str], token: str | None) -> dict[str, Any]:
    """Return the worker's answer. Raises Unanswered."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        # Without trust_env a proxy variable would send a loopback address out of the house.
        with httpx.Client(timeout=SECONDS, trust_env=False) as client:
            answer = client.get(f"{url}{path}", params=dict(query), headers=headers)
    except httpx.ConnectError as error:
        raise Unanswered(
            UNAVAILABLE,
            f"no lifecycle worker answers at {url}; start one with `tollbridge up`, or name one with --url",
        ) from error
    except httpx.TransportError as error:
        raise Unanswered(UNAVAILABLE, f"{url} did not answer: {type(error).__name__}") from error
    if answer.status_code == httpx.codes.OK:
        return _document(url, answer)
    raise _unanswered(url, answer, query)


def _unanswered(url: str, answer: httpx.Response, query: Mapping[str, str]) -> Unanswered:
    problem = answer.headers.get("Content-Type", "").startswith("application/problem+json")
    detail = str(_document(url, answer).get("detail", "")) if problem else ""
    match answer.status_code:
        case 404 if problem:
            other = "test" if query["mode"] == "live" else "live"
            return Unanswered(NOT_FOUND, f"{detail} It may be in {other} mode: --mode {other}.")
        case 401:
            return Unanswered(REFUSED, f"{url} wants a token: set {TOKEN} to the one that the worker has.")
        case 503:
            after = answer.headers.get("Retry-After")
            return Unanswered(UNAVAILABLE, detail + (f" (Retry after {after} s.)" if after else ""))
        case _ if problem:
            return Unanswered(REFUSED, detail)
    return Unanswered(
        REFUSED, f"{url} answered {answer.status_code}, which no lifecycle worker would: is --url right?"
    )


def _document(url: str, answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Unanswered(REFUSED, f"{url} answered with something else than JSON: is --url right?")
    return found
