"""Whom a fact is about: which of Stripe's values become the CloudEvent's subject.

    customer                       the Stripe customer's id; the default
    metadata:tenant                the value of the key `tenant` in the subscription's metadata
    client_reference_id            what the checkout session was given
    {account}/{customer}           a template of these: {customer}, {account}, {client_reference_id},
    {metadata.tenant}              {metadata.<key>}

A value that Stripe does not give is missing. It is never guessed, and never replaced by another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

REFERENCE = "client_reference_id"
METADATA = "metadata."
_PLAIN = ("customer", "account", REFERENCE)
_FIELD = re.compile(r"\{([^{}]*)\}")
_MAX_RULE = 500
_MAX_KEY = 40  # Stripe's bound on a metadata key

Names = Mapping[str, str]
"""Values by field name, such as metadata.tenant; a missing one is just missing."""


@dataclass(frozen=True)
class SubjectRule:
    """A parsed rule: texts and fields in turn, the first and the last a text, perhaps an empty one."""

    texts: tuple[str, ...]
    fields: tuple[str, ...]

    @cached_property
    def metadata_keys(self) -> tuple[str, ...]:
        """The metadata keys that it names."""
        return tuple(field.removeprefix(METADATA) for field in self.fields if field.startswith(METADATA))

    @cached_property
    def remembered(self) -> bool:
        """Whether it names what some events lack, so that a subscription's state has to remember it."""
        return any(field == REFERENCE or field.startswith(METADATA) for field in self.fields)

    def missing(self, names: Names) -> tuple[str, ...]:
        """Return the fields that `names` has no value for."""
        return tuple(field for field in self.fields if field not in names)

    def apply(self, names: Names) -> str:
        """Return the subject. Raises KeyError when a value is missing; ask `missing` first."""
        filled = "".join(text + names[field] for text, field in zip(self.texts, self.fields, strict=False))
        return filled + self.texts[-1]


CUSTOMER = SubjectRule(("", ""), ("customer",))


def parse_subject_rule(written: str) -> SubjectRule:
    """Read a rule as a person writes it. Raises ValueError with a sentence that says what would do."""
    if not 0 < len(written) <= _MAX_RULE or not written.isprintable():
        raise ValueError(f"must be 1 to {_MAX_RULE} printable characters")
    if "{" not in written and "}" not in written:
        field = written.replace("metadata:", METADATA, 1) if written.startswith("metadata:") else written
        if field.startswith(METADATA) and not written.startswith("metadata:"):
            raise ValueError(f'"{written}" must be written metadata:{written.removeprefix(METADATA)}')
        return SubjectRule(("", ""), (_checked(field),))
    pieces = _FIELD.split(written)
    texts, fields = tuple(pieces[::2]), tuple(pieces[1::2])
    if any("{" in text or "}" in text for text in texts):
        raise ValueError(f'"{written}" has a brace without its partner; a field is written {{customer}}')
    return SubjectRule(texts, tuple(_checked(field) for field in fields))


def _checked(field: str) -> str:
    if field in _PLAIN:
        return field
    key = field.removeprefix(METADATA)
    if key != field and 0 < len(key) <= _MAX_KEY and "[" not in key and "]" not in key:
        return field
    raise ValueError(
        f'"{field}" is nothing that a subject can be made of; use customer, metadata:<key>, '
        f"client_reference_id, or a template of {{customer}}, {{account}}, {{client_reference_id}} "
        f"and {{metadata.<key>}}, such as {{account}}/{{customer}}"
    )
