"""The values that a subject may be made of: what an event's own object says, and what others said.

An event's own object comes first. What it cannot say by its nature is filled in from what the subscription's
other events have said: the client reference id stands on checkout sessions only; invoices of before
2023 carry no metadata of their subscription; a checkout session has metadata of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing.shape import MAX_TEXT, mapping, sequence
from billing.stripe_event import StripeEvent
from billing.subject_rule import METADATA, REFERENCE, Names, SubjectRule


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a subscription's events have said, for those that do not say it.

    `reference` is the checkout's client reference id, `metadata` the wanted keys of the newest subscription
    event, `by` that event's second and id.
    """

    reference: str | None = None
    metadata: Mapping[str, str] | None = None
    by: tuple[int, str] = (-1, "")

    def with_metadata(self, metadata: Mapping[str, str], at: int, event: str) -> Remembered:
        """Return what is remembered when a subscription event has said this; the newest one counts."""
        if (at, event) < self.by:
            return self
        return Remembered(self.reference, metadata, (at, event))

    def with_reference(self, reference: str | None) -> Remembered:
        """Return the same for a checkout; of several references, which Stripe never gives, the least."""
        if reference is None or (self.reference is not None and self.reference <= reference):
            return self
        return Remembered(reference, self.metadata, self.by)

    def fill(self, names: Names) -> dict[str, str]:
        """Return `names` with what is remembered behind it."""
        filled = {METADATA + key: value for key, value in (self.metadata or {}).items()}
        if self.reference is not None:
            filled[REFERENCE] = self.reference
        return {**filled, **names}


NOTHING = Remembered()


def names_of(event: StripeEvent, customer: str, rule: SubjectRule) -> dict[str, str]:
    """Return the values that the event itself gives for `rule`."""
    names = {"customer": customer}
    if event.account is not None:
        names["account"] = event.account
    if rule.remembered:
        found = event.object
        for source in _metadata_sources(found):
            for key, value in wanted(source, rule).items():
                names.setdefault(METADATA + key, value)
        reference = usable(found.get(REFERENCE))
        if reference is not None:
            names[REFERENCE] = reference
    return names


def wanted(metadata: Any, rule: SubjectRule) -> dict[str, str]:
    """Return the values of the keys that `rule` names, where there are any."""
    found = mapping(metadata)
    values = {key: usable(found.get(key)) for key in rule.metadata_keys}
    return {key: value for key, value in values.items() if value is not None}


def usable(value: Any) -> str | None:
    """Return a value that can be part of a subject: printable, 1 to 255 characters, none of them cut off.

    A hard space is a space: people copy names with it out of documents.
    """
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or not value.strip():
        return None
    printable = value.replace("\u00a0", " ").replace("\u3000", " ").isprintable()
    return value if printable else None


def _metadata_sources(found: Mapping[str, Any]) -> list[Any]:
    """Return where an object may carry the subscription's metadata, the best place first."""
    if found.get("object") != "invoice":
        return [found.get("metadata")]
    parent = mapping(mapping(found.get("parent")).get("subscription_details"))
    older = mapping(found.get("subscription_details"))
    lines = sequence(mapping(found.get("lines")).get("data"))
    # Before 2023 the subscription's metadata stood on the lines that it made.
    own = [mapping(line).get("metadata") for line in lines if mapping(line).get("type") == "subscription"]
    return [parent.get("metadata"), older.get("metadata"), *own, found.get("metadata")]
