"""Why a subscription is as it is: the last decisions about it, bounded, in words.

A row holds one entry a line, in the order of the messages, so that the usual case, one more entry, is
bytes put behind bytes: nothing that was written before is read again.

A replay of a message replaces the message's own entry. Stripe's repetitions of one event share one entry and
are counted there, so that a flood of them pushes out nothing. Working through any stretch of messages again
gives the same entries; only their outcome may then say that they were replayed.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import orjson

from billing.decision import Decision
from billing.stripe_event import StripeEvent
from billing.timestamps import rfc3339

MAX_BYTES = 65_536
"""A row's bound, whatever its entries hold; an ordinary entry has about 150 bytes."""
MAX_REASON = 500
_HEAD = b"1\n"  # the schema's version
_END = b"\n"  # orjson writes none inside a document
_COUNTED = frozenset({"duplicate", "deferred"})
"""Outcomes that one event may have any number of times; they share an entry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision. `created` is Stripe's time, `at` ours, both in seconds since the Unix epoch.

    `emitted` holds the ids of the facts that were told. `times` counts how often it came to this decision,
    which only duplicates and deferred events do more than once; `offset` and `at` then belong to the last of
    these times, `first_at` to the first.
    """

    offset: int
    event: str
    type: str
    created: int
    at: int
    outcome: str
    reason: str
    emitted: tuple[str, ...] = ()
    times: int = 1
    first_at: int = 0

    def view(self) -> dict[str, Any]:
        """Return what people and queries may see, as JSON values, times in RFC 3339."""
        return {
            "event": self.event,
            "type": self.type,
            "created": rfc3339(self.created),
            "decided_at": rfc3339(self.at),
            "outcome": self.outcome,
            "reason": self.reason,
            "emitted": list(self.emitted),
            "offset": self.offset,
            "times": self.times,
            "first_at": rfc3339(self.first_at if self.times > 1 else self.at),
        }


_once = attrgetter("offset", "event", "type", "created", "at", "outcome", "reason", "emitted")
_again = attrgetter("times", "first_at")
_offset = attrgetter("offset")


def entry(event: StripeEvent, decision: Decision, offset: int, at: int) -> Entry:
    """Return the entry of `decision` on `event`, which came at `offset` and was decided on at `at`."""
    return Entry(
        offset,
        event.id,
        event.type,
        event.created,
        at,
        decision.outcome.value,
        decision.reason[:MAX_REASON],
        tuple(fact.id for fact in decision.facts),
    )


def note(row: bytes | None, new: Entry, limit: int) -> bytes:
    """Return `row` with `new` in it, `limit` entries at most: the oldest go first."""
    if row is None:
        return _HEAD + _line(new)
    if new.outcome not in _COUNTED and new.offset > _last_offset(row):
        return _bounded(row + _line(new), limit)
    return _bounded(encode(_with(decode(row), new)), limit)


def decode(row: bytes) -> list[Entry]:
    """Return the entries of `row`, oldest first. Raises ValueError for anything that is no such row."""
    if not row.startswith(_HEAD):
        raise ValueError(f"not a record of the timeline table: it begins with {row[:20]!r}")
    try:
        return [_entry(orjson.loads(line)) for line in row[len(_HEAD) :].splitlines()]
    except (TypeError, ValueError) as error:
        raise ValueError(f"not a record of the timeline table: {error}") from error


def encode(entries: Iterable[Entry]) -> bytes:
    """Return the row of `entries`."""
    return _HEAD + b"".join(map(_line, entries))


def _with(entries: list[Entry], new: Entry) -> list[Entry]:
    if new.outcome in _COUNTED:
        for at, old in enumerate(entries):
            if old.outcome == new.outcome and old.event == new.event:
                if new.offset <= old.offset:
                    return entries  # counted already; the message comes again after a crash
                first = old.first_at if old.times > 1 else old.at
                new = replace(new, times=old.times + 1, first_at=first)
                del entries[at]
                break
    place = bisect(entries, new.offset, key=_offset)
    if place and entries[place - 1].offset == new.offset:
        entries[place - 1] = new
    else:
        entries.insert(place, new)
    return entries


def _bounded(row: bytes, limit: int) -> bytes:
    begin, entries = len(_HEAD), row.count(_END) - 1
    while entries > limit or (entries > 1 and len(row) - begin > MAX_BYTES):
        begin = row.index(_END, begin) + 1
        entries -= 1
    return row if begin == len(_HEAD) else _HEAD + row[begin:]


def _last_offset(row: bytes) -> int:
    begin = row.rfind(_END, 0, -1) + 1
    return int(row[begin + 1 : row.index(b",", begin)])


def _line(one: Entry) -> bytes:
    fields = _once(one) if one.times == 1 else (*_once(one), *_again(one))
    return orjson.dumps(fields) + _END


def _entry(fields: list[Any]) -> Entry:
    offset, event, event_type, created, at, outcome, reason, emitted, *again = fields
    return Entry(offset, event, event_type, created, at, outcome, reason, tuple(emitted), *again)
