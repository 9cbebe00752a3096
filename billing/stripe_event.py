"""A Stripe event as it came: the envelope read, the object untouched.

Two envelopes exist. A snapshot event ("event") carries the object as the endpoint's API version renders it;
a thin event ("v2.core.event", for v1 resources since 2026-09-30.endive) only says which object to fetch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from billing.shape import EMPTY, identifier, mapping, text, timestamp
from billing.timestamps import from_rfc3339

Problem = Literal["not_utf8", "not_json", "not_an_object", "wrong_shape"]
THIN = "v2.core.event"
READ = "tollbridge_read"
"""The field by which an event that we made of a read object says so. Stripe's own events have none."""


class MalformedEvent(ValueError):  # noqa: N818 - named by what is wrong, and it is no fault of ours
    """The body is not a Stripe event. The text says what is wrong with it, `problem` is a bounded label."""

    def __init__(self, problem: Problem, detail: str) -> None:
        """Take a label for metrics and a sentence for the sender."""
        super().__init__(detail)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """One event. `object` is `data.object` as Stripe rendered it; for a thin event, `related_object`.

    `created` is in seconds since the Unix epoch. `account` is whose event it is, where that is not the
    endpoint's own account: Connect says so in `account`, organizations and thin events in `context`.
    `api_version` is for diagnostics: shapes are told apart by their fields. `read_at` is set on events that
    we have made of an object read from Stripe: when it was read, by Stripe's clock.
    """

    id: str
    type: str
    created: int
    livemode: bool
    account: str | None
    context: str | None
    api_version: str | None
    object: Mapping[str, Any]
    previous_attributes: Mapping[str, Any]
    thin: bool
    read_at: int | None = None

    @property
    def scope(self) -> str:
        """The account and mode: state and keys are separate for each, such as acct_1|live."""
        return f"{self.account or 'platform'}|{'live' if self.livemode else 'test'}"


def parse_event(body: bytes) -> StripeEvent:
    """Read a webhook's body. Unknown types, versions and fields are fine. Raises MalformedEvent."""
    document = _document(body)
    event_id = identifier(document.get("id"))
    if event_id is None or not isinstance(document.get("id"), str):
        raise _wrong("id must be a string of 1 to 255 characters without '|'")
    event_type = text(document.get("type"))
    if event_type is None or event_type != document.get("type"):
        raise _wrong("type must be a string of 1 to 255 characters")
    livemode = document.get("livemode", False)
    if not isinstance(livemode, bool):
        raise _wrong("livemode must be true or false")
    kind = document.get("object", "event")
    if kind not in ("event", THIN):
        raise _wrong('object must be "event" or "v2.core.event"')
    thin = kind == THIN
    context = text(document.get("context"))
    return StripeEvent(
        id=event_id,
        type=event_type,
        created=_created(document.get("created"), thin=thin),
        livemode=livemode,
        account=_optional_id(document, "account") or account_of(context),
        context=context,
        api_version=text(document.get("api_version")),
        object=mapping(document.get("related_object")) if thin else _object(document),
        previous_attributes=EMPTY if thin else mapping(document["data"].get("previous_attributes")),
        thin=thin,
        read_at=timestamp(mapping(document.get(READ)).get("at")),
    )


def account_of(context: str | None) -> str | None:
    """Return the account that a context such as org_1/acct_2 leads to: its last part."""
    return None if context is None else identifier(context.rpartition("/")[2])


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        try:
            body.decode()
        except UnicodeDecodeError as not_utf8:
            raise MalformedEvent("not_utf8", f"the body is not UTF-8: {not_utf8.reason}") from error
        raise MalformedEvent("not_json", f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise MalformedEvent("not_an_object", "the body is JSON, but not an object")
    return document


def _created(value: Any, *, thin: bool) -> int:
    # Snapshot events carry seconds, thin ones RFC 3339; either form is understood in both.
    created = timestamp(value)
    if created is None:
        created = from_rfc3339(value)
    if created is None:
        wanted = "an RFC 3339 time" if thin else "seconds since the Unix epoch"
        raise _wrong(f"created must be {wanted}")
    return created


def _object(document: Mapping[str, Any]) -> Mapping[str, Any]:
    data = document.get("data")
    if not isinstance(data, dict):
        raise _wrong("data must be an object")
    found = data.get("object")
    if not isinstance(found, dict):
        raise _wrong("data.object must be an object")
    return found


def _optional_id(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is None:
        return None
    found = identifier(value)
    if found is None:
        raise _wrong(f"{name} must be a string of 1 to 255 characters without '|'")
    return found


def _wrong(detail: str) -> MalformedEvent:
    return MalformedEvent("wrong_shape", f"not a Stripe event: {detail}")
