"""What the lifecycle worker decided, read back from its timelines (`GET /v1/subscriptions/{id}/timeline`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import orjson

from app.cli.demo.poster import Answered
from billing.decide import lookups
from billing.stripe_event import parse_event

Entries = Mapping[str, Sequence[Mapping[str, Any]]]
"""A timeline's entries by the id of their event, in the order of the decisions."""


async def read_entries(client: httpx.AsyncClient, url: str, answers: Sequence[Answered]) -> Entries:
    """Read the timelines of all subscriptions that `answers` name. Raises httpx.HTTPError."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for scope, subscription in sorted(_subscriptions(answers)):
        _, mode = scope.split("|")
        answer = await client.get(f"{url}/v1/subscriptions/{subscription}/timeline", params={"mode": mode})
        if answer.status_code == httpx.codes.NOT_FOUND:
            continue  # nobody accepted anything about it
        answer.raise_for_status()
        for entry in answer.json()["entries"]:
            found.setdefault(entry["event"], []).append(entry)
    return found


def decided(answers: Sequence[Answered], entries: Entries) -> list[str]:
    """Return for each post, in words, what was decided about it."""
    posted: dict[str, int] = {}
    said = []
    for answered in answers:
        if not answered.answer.accepted:
            said.append("refused at the door")
            continue
        event = str(answered.post.event["id"])
        turn = posted[event] = posted.get(event, 0) + 1
        said.append(_words(entries.get(event, ()), turn))
    return said


def _words(entries: Sequence[Mapping[str, Any]], turn: int) -> str:
    if not entries:
        return "kept; it is about no subscription"
    entry = entries[min(turn, len(entries)) - 1]  # repetitions share one entry
    return f"{entry['outcome']}: {entry['reason']}"


def _subscriptions(answers: Sequence[Answered]) -> set[tuple[str, str]]:
    found = set()
    for answered in answers:
        key = lookups(parse_event(orjson.dumps(answered.post.event))).subscription
        if key is not None:
            scope, _, subscription = key.rsplit("|", 2)
            found.add((scope, subscription))
    return found
