"""Which snapshot of a subscription is the last one, whatever order the events came in.

Stripe delivers in no order, and an event's `created` has whole seconds, so neither arrival nor time alone can
say. What is kept is not one snapshot but a *frontier*: the snapshots of the newest second, and the
fingerprints of the three seconds before it that had any. The last snapshot is a pure function of the
frontier, and the frontier is a pure function of the set of events, so that arrival order and repetition
cannot matter:

1. A terminal snapshot (canceled, incomplete_expired) is above every other, whatever its time says: Stripe
   never leaves these statuses, so an `updated` that comes late brings nothing back to life.
2. Then `customer.subscription.created` is below every other event, for nothing comes before it, and of the
   others the newer `created` second is above.
3. Within a second the events are a path: each goes from the state before it (its object with
   `previous_attributes` put back) to the state after it. The path's end is the state that is reached once
   more often than it is left. A path that returns to where it began ends there; where that was, the seconds
   before tell. Events that change nothing we read (trial_will_end, say) stand still and decide nothing.
4. Where a missing event leaves that open: not the state the second began with, then the status that lies
   later in a subscription's life, then the greater event id. Arbitrary, but the same for every order; and
   `undecided` says so, for then Stripe can be asked. Its answer takes its place by the second in which it
   was read, and stands still there.

States are compared by the fingerprint of their canonical reading, so events in different API versions
compare. A second holds at most 16 snapshots, the greatest by event id; the union of two such sets, cut again,
is the same set as the cut of the whole, so the bound costs no convergence. It costs rule 3 where more than 16
events fall in one second, or where four seconds with events on end all return to where they began.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby
from typing import Any

import orjson

from billing.stripe_event import StripeEvent
from billing.subscription import Subscription, read_subscription

MAX_A_SECOND = 16
_SECONDS = 4
_MERGE_DEPTH = 8
ROOT = ""  # the state before the first event
UNREADABLE = "?"  # the state before an event whose previous attributes make no sense
_NOWHERE = (ROOT, UNREADABLE)
_LIFE = {"incomplete": 0, "trialing": 1, "active": 2, "past_due": 3, "unpaid": 4, "paused": 5}
_UNKNOWN_LIFE = len(_LIFE)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One event's view of a subscription. `before` and `after` are fingerprints of the states around it.

    `reading` is the state after it; None once a newer second is known, for then only the fingerprints matter.
    """

    event: str
    created: int
    terminal: bool
    status: str
    before: str
    after: str
    reading: Subscription | None

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """Rules 1 and 2."""
        return (self.terminal, self.before != ROOT, self.created)

    @property
    def identity(self) -> tuple[str, str, str]:
        """What makes two snapshots the same: the event, and how it was read."""
        return (self.event, self.after, self.before)


Frontier = tuple[Snapshot, ...]


def snapshot(event: StripeEvent, reading: Subscription) -> Snapshot:
    """Return what `event`, whose object reads as `reading`, says about the order."""
    after = fingerprint(reading)
    before = after
    if event.type == "customer.subscription.created":
        before = ROOT
    elif event.previous_attributes:
        was = earlier(event)
        before = UNREADABLE if was is None else fingerprint(was)
    at = event.created
    if event.read_at is not None:  # the state of when it was read, not of when the event happened
        before, at = after, event.read_at
    return Snapshot(event.id, at, reading.terminal, reading.status, before, after, reading)


def earlier(event: StripeEvent) -> Subscription | None:
    """Return the subscription as it was before `event`; None when that cannot be read.

    Where the event names no previous attributes, as it is.
    """
    return read_subscription(_put_back(event.object, event.previous_attributes, _MERGE_DEPTH))


def fold(frontier: Frontier, new: Snapshot) -> Frontier:
    """Return the frontier of all the events behind `frontier` and `new` together.

    Commutative, associative and idempotent: the result depends only on the set of events.
    """
    if not frontier:
        return (new,)
    if new.rank > frontier[0].rank:  # the usual case, and what the rest would come to
        oldest = sorted({old.rank for old in frontier}, reverse=True)[: _SECONDS - 1][-1]
        return (new, *(_slim(old) for old in frontier if old.rank >= oldest))
    if any(old.identity == new.identity for old in frontier):
        return frontier
    members = (new, *frontier)
    seconds = sorted({member.rank for member in members}, reverse=True)[:_SECONDS]
    kept: list[Snapshot] = []
    for rank in seconds:
        second = sorted((one for one in members if one.rank == rank), key=_identity, reverse=True)
        newest = rank == seconds[0]
        kept.extend(one if newest else _slim(one) for one in second[:MAX_A_SECOND])
    return tuple(kept)


def latest(frontier: Frontier) -> Snapshot | None:
    """Return the snapshot that holds the subscription's last known state; None when there is none yet."""
    if not frontier:
        return None
    newest = [one for one in frontier if one.rank == frontier[0].rank]
    if len(newest) == 1:
        return newest[0]
    end: str | None = None
    for _, second in groupby(reversed(frontier), key=_rank):
        end = _end(list(second), end)
    return max((one for one in newest if one.after == end), key=_identity)


def undecided(frontier: Frontier) -> str | None:
    """Return a name for the question that the newest second leaves open; None when it leaves none.

    The second's events are no single path, or its path returns to where it began and nothing says where that
    was, or there were too many of them.
    """
    newest = [one for one in frontier if one.rank == frontier[0].rank]
    if len({one.after for one in newest}) < 2:  # noqa: PLR2004 - one state is no question
        return None
    began: str | None = None
    settled = False
    for _, second in groupby(reversed(frontier), key=_rank):
        members = list(second)
        settled = _settled(members, began if settled else None)
        began = _end(members, began)
    if settled and len(newest) < MAX_A_SECOND:
        return None
    return blake2b(orjson.dumps([one.identity for one in newest]), digest_size=8).hexdigest()


def fingerprint(reading: Subscription) -> str:
    """Return 16 hexadecimal digits that differ when the readings differ."""
    return blake2b(orjson.dumps(reading.pack()), digest_size=8).hexdigest()


def _slim(one: Snapshot) -> Snapshot:
    if one.reading is None:
        return one
    return Snapshot(one.event, one.created, one.terminal, one.status, one.before, one.after, None)


def _rank(one: Snapshot) -> tuple[bool, bool, int]:
    return one.rank


def _identity(one: Snapshot) -> tuple[str, str, str]:
    return one.identity


def _end(second: list[Snapshot], began: str | None) -> str:
    """Return the state in which the events of one second end, given the state in which it began."""
    reached: Counter[str] = Counter()
    touched: set[str] = set()
    starts = {began}
    for one in second:
        if one.before == one.after:
            continue
        reached[one.after] += 1
        touched.add(one.after)
        if one.before in _NOWHERE:
            starts.add(one.after)
        else:
            reached[one.before] -= 1
            touched.add(one.before)
    afters = {one.after for one in second}
    ends = {state for state in afters if reached[state] > 0} | (afters - touched)
    if not ends:
        ends = {began} if began in afters else afters
    best = max(
        (one for one in second if one.after in ends),
        key=lambda one: (one.after not in starts, _LIFE.get(one.status, _UNKNOWN_LIFE), one.identity),
    )
    return best.after


def _settled(second: list[Snapshot], began: str | None) -> bool:
    """Say whether the events of one second are one path with one end; `began` is where, if that is known."""
    if len({one.after for one in second}) == 1:
        return True
    group: dict[str, str] = {}
    reached: Counter[str] = Counter()
    for one in second:
        reached[one.after] += one.before != one.after
        if one.before not in (one.after, *_NOWHERE):
            reached[one.before] -= 1
            _join(group, one.before, one.after)
        else:
            _join(group, one.after, one.after)
    if len({_find(group, state) for state in group}) > 1:
        return False
    ends = sum(count > 0 for count in reached.values())
    return ends == 1 or (ends == 0 and began in group)


def _join(group: dict[str, str], one: str, other: str) -> None:
    group[_find(group, one)] = _find(group, other)


def _find(group: dict[str, str], state: str) -> str:
    while group.setdefault(state, state) != state:
        state = group[state]
    return state


def _put_back(now: Mapping[str, Any], previous: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """Return the object as it was: hashes are merged, for Stripe names only what changed in them."""
    merged = dict(now)
    for name, old in previous.items():
        current = merged.get(name)
        if depth > 0 and isinstance(old, dict) and isinstance(current, dict):
            merged[name] = _put_back(current, old, depth - 1)
        else:
            merged[name] = old
    return merged
