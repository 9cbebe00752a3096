"""Whether Stripe signed a body, and with which of our secrets.

Rules: docs.stripe.com/webhooks/signatures. The comparison is the stripe library's; it refuses an old
timestamp only when asked to and a future one never, reads the machine's clock, and takes one secret a call.
So the header is read here, strictly, and what was read (not the header) is what the library verifies: no
second reading of it can disagree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stripe import SignatureVerificationError, WebhookSignature

Problem = Literal[
    "missing_signature",
    "malformed_signature",
    "not_utf8",
    "bad_signature",
    "stale_timestamp",
    "future_timestamp",
]

_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{64}")


class BadSignature(Exception):  # noqa: N818 - named by what is wrong with the request
    """The request is not proven to be Stripe's. `problem` is a bounded label, the text is for the sender."""

    def __init__(self, problem: Problem, detail: str) -> None:
        """Take a label and a sentence, which holds nothing that would help a forger."""
        super().__init__(detail)
        self.problem: Problem = problem


@dataclass(frozen=True, slots=True)
class Verified:
    """Stripe signed it. `secret` is the position of the secret that says so, `timestamp` unix seconds."""

    secret: int
    timestamp: int


def verify(body: bytes, header: str | None, secrets: Sequence[str], now: float, tolerance: float) -> Verified:
    """Verify `body` by its Stripe-Signature `header` against every secret. Raises BadSignature, only.

    The timestamp may lie `tolerance` seconds to either side of `now`, both ends included.
    """
    if not header:
        raise BadSignature("missing_signature", "the request has no Stripe-Signature header")
    timestamp, signatures = _read(header)
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadSignature("not_utf8", "the body is not UTF-8, and Stripe signs text") from error
    strict = ",".join((f"t={timestamp}", *(f"v1={signature}" for signature in signatures)))
    secret = _signed_with(text, strict, secrets)
    if secret is None:
        raise BadSignature("bad_signature", "no v1 signature matches the body and a secret of this endpoint")
    if timestamp < now - tolerance:
        raise BadSignature("stale_timestamp", f"the signature is more than {tolerance:g} seconds old")
    if timestamp > now + tolerance:
        raise BadSignature("future_timestamp", f"the signature is from {tolerance:g} seconds ahead or more")
    return Verified(secret, timestamp)


def _read(header: str) -> tuple[int, list[str]]:
    """Return the one timestamp and the well-formed v1 signatures; other schemes are a way to downgrade."""
    timestamps = []
    signatures = []
    for item in header.split(","):
        name, _, value = item.partition("=")
        if name == "t":
            timestamps.append(value)
        elif name == "v1" and _SIGNATURE.fullmatch(value):
            signatures.append(value)
    if len(timestamps) != 1 or not _TIMESTAMP.fullmatch(timestamps[0]):
        raise BadSignature("malformed_signature", "Stripe-Signature needs one t=, in seconds")
    if not signatures:
        raise BadSignature("malformed_signature", "Stripe-Signature has no v1= of 64 hexadecimal digits")
    return int(timestamps[0]), signatures


def _signed_with(text: str, header: str, secrets: Sequence[str]) -> int | None:
    for position, secret in enumerate(secrets):
        try:
            WebhookSignature.verify_header(text, header, secret)
        except SignatureVerificationError:
            continue
        return position
    return None
