"""What the OpenMeter sandbox has ingested."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from app.local.cloud_event_rules import check, parse_time, write_time

KEPT = ("id", "source", "specversion", "type", "subject", "datacontenttype", "data")
LOOK_BACK = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Ingested:
    """One event as it is stored, and when it came."""

    event: dict[str, Any]
    time: datetime
    at: datetime
    order: int

    def answer(self) -> dict[str, Any]:
        """Return it as the list of events shows it."""
        at = write_time(self.at)
        return {"event": self.event, "ingestedAt": at, "storedAt": at}


@dataclass(slots=True)
class EventStore:
    """Events by (source, id), in memory.

    As the real one with its quickstart settings: a known source and id is swallowed and still a success;
    time is kept in whole seconds; extension attributes and dataschema are lost; an event at or before the
    epoch is taken and dropped without a word.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    duplicates: int = 0
    _events: dict[tuple[str, str], Ingested] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._events)

    def ingest(self, event: Any) -> None:
        """Take one event. Raises `cloud_event_rules.Unacceptable`."""
        check(event)
        now = self.now()
        time = parse_time(event["time"]) if event.get("time") else now.replace(microsecond=0)
        if time.timestamp() <= 0:
            return
        key = (event["source"], event["id"])
        if key in self._events:
            self.duplicates += 1
            return
        kept = {name: event[name] for name in KEPT if event.get(name) is not None}
        kept["time"] = write_time(time)
        self._events[key] = Ingested(kept, time, now, len(self._events))

    def find(
        self,
        *,
        part_of_id: str,
        part_of_subject: str,
        since: datetime | None,
        until: datetime | None,
        limit: int,
    ) -> list[dict[str, Any]]:
        """Return events newest first; without `since`, those of the last 72 hours."""
        since = since or self.now() - LOOK_BACK
        found = [
            stored
            for stored in self._events.values()
            if part_of_id in stored.event["id"]
            and part_of_subject in stored.event["subject"]
            and since <= stored.time
            and (until is None or stored.time <= until)
        ]
        found.sort(key=lambda stored: (stored.time, stored.order), reverse=True)
        return [stored.answer() for stored in found[:limit]]

    def clear(self) -> None:
        """Forget everything."""
        self._events.clear()
        self.duplicates = 0
