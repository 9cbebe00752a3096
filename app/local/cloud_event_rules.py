"""Which CloudEvents OpenMeter's v1 ingest takes: its published schema, as the sandbox applies it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

REQUIRED = ("id", "source", "specversion", "type", "subject")
URI_REFERENCE = re.compile(r"[!#$&-;=?-\[\]_a-zA-Z~%]+")
ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!#$&-;=?-\[\]_a-zA-Z~%]*")
RFC3339 = re.compile(
    r"(?P<seconds>\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?P<fraction>\.\d+)?(?P<zone>[Zz]|[+-]\d\d:\d\d)"
)


class Unacceptable(ValueError):  # noqa: N818 - what it says of the event
    """The event breaks the schema; the text says where and how."""


def check(event: Any) -> None:
    """Raise Unacceptable unless OpenMeter would take `event`. Extension attributes are allowed."""
    if not isinstance(event, dict):
        raise Unacceptable("value must be an object")
    for name in REQUIRED:
        if name not in event:
            raise Unacceptable(f'Error at "/{name}": property "{name}" is missing')
        if not isinstance(event[name], str):
            raise Unacceptable(f'Error at "/{name}": value must be a string')
        if not event[name]:
            raise Unacceptable(f'Error at "/{name}": minimum string length is 1')
    if event["specversion"] != "1.0":
        raise Unacceptable(f'Error at "/specversion": {event["specversion"]!r} is no version we know')
    if not URI_REFERENCE.fullmatch(event["source"]):
        raise Unacceptable('Error at "/source": string doesn\'t match the format "uri-reference"')
    _check_optional(event)


def _check_optional(event: dict[str, Any]) -> None:
    if event.get("datacontenttype") not in {None, "application/json"}:
        raise Unacceptable('Error at "/datacontenttype": value is not one of the allowed values')
    schema = event.get("dataschema")
    if schema is not None and not (isinstance(schema, str) and ABSOLUTE_URI.fullmatch(schema)):
        raise Unacceptable('Error at "/dataschema": string doesn\'t match the format "uri"')
    if event.get("data") is not None and not isinstance(event["data"], dict):
        raise Unacceptable('Error at "/data": value must be an object')
    if event.get("time") is not None:
        parse_time(event["time"])


def parse_time(text: Any) -> datetime:
    """Return an RFC 3339 time in whole seconds UTC, which is how OpenMeter keeps it."""
    match = RFC3339.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise Unacceptable('Error at "/time": string doesn\'t match the format "date-time" (RFC 3339)')
    zone = match["zone"].upper().replace("Z", "+00:00")
    try:
        return datetime.fromisoformat(match["seconds"].upper() + zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Unacceptable(f'Error at "/time": {text!r} is no date') from error


def write_time(moment: datetime) -> str:
    """Return `moment` as OpenMeter writes it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
