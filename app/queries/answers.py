"""What is answered, as JSON documents; openapi.json describes them.

Rows are decoded a few at a time: the agent's messages wait for the same event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from app.queries.parameters import Page, Scope
from billing.state import SubscriptionState
from billing.timeline import decode
from tables.lookup import Found

ROWS_AT_ONCE = 8
"""Rows decoded between two looks at what else there is to do; one takes 50 to 250 microseconds."""

Document = dict[str, Any]


async def customer_document(scope: Scope, customer: str, rows: Sequence[Found], page: Page) -> Document:
    """Return a page of a customer's subscriptions; `rows` has one more than the page if there are more."""
    subscriptions: list[Document] = []
    for number, row in enumerate(rows[: page.limit]):
        if number % ROWS_AT_ONCE == ROWS_AT_ONCE - 1:
            await asyncio.sleep(0)
        subscriptions.append(subscription_document(row))
    return {
        "customer": customer,
        "account": _account(scope.account),
        "livemode": scope.mode == "live",
        "subscriptions": subscriptions,
        "next": subscriptions[-1]["id"] if len(rows) > page.limit else None,
    }


def subscription_document(row: Found) -> Document:
    """Return how a subscription stands."""
    return SubscriptionState.decode(row.value).view()


def timeline_document(row: Found) -> Document:
    """Return the last decisions about a subscription, oldest first.

    `partition` and each entry's `offset` say where its message stands in stripe.events.
    """
    account, mode, customer, subscription = row.key.decode().split("|")
    return {
        "subscription": subscription,
        "customer": customer,
        "account": _account(account),
        "livemode": mode == "live",
        "partition": row.partition,
        "entries": [one.view() for one in decode(row.value)],
    }


def _account(account: str) -> str | None:
    return None if account == "platform" else account
