"""What a query asks for, read from its path and query string. Strict: no typo may change an answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from multidict import MultiMapping

from app.queries.problem import wrong_parameter
from billing.shape import MAX_TEXT, identifier

MAX_LIMIT = 100
USUAL_LIMIT = 20
_SCOPE = ("account", "mode")
_PAGE = ("limit", "after")
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
"""What no id holds: control characters, and what was not UTF-8."""


@dataclass(frozen=True, slots=True)
class Scope:
    """An account and a mode: state is separate for each."""

    account: str
    mode: str

    @property
    def key(self) -> str:
        """How keys of the tables begin, as `StripeEvent.scope` has it."""
        return f"{self.account}|{self.mode}"

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.mode} mode of {self.account}"


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list: at most `limit` subscriptions, behind the id `after`."""

    limit: int
    after: str | None


def read_scope(query: MultiMapping[str]) -> Scope:
    """Read `account` (by default platform, the endpoint's own) and `mode` (by default live)."""
    account, mode = _one(query, "account"), _one(query, "mode")
    if mode not in (None, "live", "test"):
        raise wrong_parameter("mode must be live or test")
    return Scope("platform" if account is None else _identifier("account", account), mode or "live")


def read_page(query: MultiMapping[str]) -> Page:
    """Read `limit` and `after`."""
    written = _one(query, "limit")
    if written is None:
        limit = USUAL_LIMIT
    elif written.isascii() and written.isdigit() and len(written) < MAX_LIMIT and int(written) <= MAX_LIMIT:
        limit = int(written)
    else:
        limit = 0
    if limit == 0:
        raise wrong_parameter(f"limit must be an integer from 1 to {MAX_LIMIT}")
    after = _one(query, "after")
    return Page(limit, None if after is None else _identifier("after", after))


def read_id(match: Mapping[str, str], name: str) -> str:
    """Read an id from the path."""
    return _identifier(name, match[name])


def refuse_others(query: MultiMapping[str], *, page: bool = False) -> None:
    """Refuse parameters that mean nothing here: `acount=acct_1` would ask about another account."""
    known = _SCOPE + _PAGE if page else _SCOPE
    others = sorted(set(query) - set(known))
    if others:
        raise wrong_parameter(f"unknown parameter {others[0]!r}; there are {', '.join(known)}")


def _one(query: MultiMapping[str], name: str) -> str | None:
    values = query.getall(name, [])
    if len(values) > 1:
        raise wrong_parameter(f"{name} is given {len(values)} times")
    return values[0] if values else None


def _identifier(name: str, value: str) -> str:
    if identifier(value) is None or _CONTROL.search(value):
        raise wrong_parameter(f"{name} must be an id: 1 to {MAX_TEXT} printable characters without '|'")
    return value
