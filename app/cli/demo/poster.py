"""Post the history: each customer's webhooks in order, the customers beside each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx
import orjson

from app.cli.demo.story import Customer, Post
from app.cli.webhook import Answer, post, signature_header
from app.local.stack_options import make_secret

_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Answered:
    """A post and what the ingress said to it."""

    post: Post
    answer: Answer

    @property
    def as_expected(self) -> bool:
        """Whether the answer was the one that the history names."""
        return self.answer.status == self.post.answer


async def post_history(
    customers: Sequence[Customer],
    *,
    client: httpx.AsyncClient,
    url: str,
    secret: str,
    now: Callable[[], float],
    on_post: Callable[[], None],
) -> dict[str, list[Answered]]:
    """Post everything; returns the answers by customer. Raises NobodyThere."""

    async def one(customer: Customer) -> list[Answered]:
        answers = []
        for each in customer.posts:
            body = orjson.dumps(each.event)
            signature = _sign(each, body, secret, int(now()))
            answers.append(Answered(each, await post(client, url, body, signature)))
            on_post()
        return answers

    found = await asyncio.gather(*(one(customer) for customer in customers))
    return {customer.id: answers for customer, answers in zip(customers, found, strict=True)}


def _sign(each: Post, body: bytes, secret: str, now: int) -> str:
    if each.way == "forged":
        return signature_header(body, make_secret(), now)
    return signature_header(body, secret, now - _HOUR if each.way == "stale" else now)
