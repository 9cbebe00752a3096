"""Where on NATS an event goes, and under which id JetStream knows it.

    billing.live.payment.success.cus_Qx1
    └prefix ┴mode┴─type─────────┴─customer

After the prefix comes the mode, then the type with its own dots (subscribe to `billing.live.payment.>`),
and the last token is always the customer (`billing.live.*.*.cus_Qx1`). Whatever could break a subject
(NATS: no empty token, no space, tab, `*` or `>`; docs.nats.io/nats-concepts/subjects) is written as `=`
and two hexadecimal digits a byte, so that different events never share a subject by accident.
"""

from __future__ import annotations

import hashlib
import string

PLAIN = frozenset(string.ascii_letters + string.digits + "_-")
PLAIN_IN_SOURCE = frozenset(string.printable[:94]) - {"="}
PLAIN_IN_ID = PLAIN_IN_SOURCE - {"/"}
TYPE_TOKENS = 8
"""A type's tokens at most; in the last one further dots are escaped. Keeps a subject's length bounded."""
TOKEN_LENGTH = 128
"""Characters of one token at most; a longer one ends in its hash. NATS' control line holds 4096 bytes."""


def subject(prefix: str, *, livemode: bool, event_type: str, customer: str) -> str:
    """Return the subject of an event: `<prefix>.<live|test>.<type, 1 to 8 tokens>.<customer, 1 token>`."""
    tokens = [_token(part) for part in event_type.split(".", TYPE_TOKENS - 1)]
    return ".".join((prefix, "live" if livemode else "test", *tokens, _token(customer)))


def message_id(source: str, event_id: str) -> str:
    """Return the id by which JetStream drops repetitions: `<source>/<id>`.

    A CloudEvent's id is unique within its source only (CloudEvents 1.0, id). It goes into a header, so what
    is not visible ASCII is escaped; a long one ends in its hash.
    """
    name = f"{_escape(source, PLAIN_IN_SOURCE)}/{_escape(event_id, PLAIN_IN_ID)}"
    return _bounded(name, 2 * TOKEN_LENGTH)


def _token(text: str) -> str:
    return _bounded(_escape(text, PLAIN), TOKEN_LENGTH) or "="


def _escape(text: str, plain: frozenset[str]) -> str:
    if plain.issuperset(text):
        return text
    return "".join(
        letter
        if letter in plain
        else "".join(f"={byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))
        for letter in text
    )


def _bounded(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{text[: length - len(digest) - 2]}=={digest}"
