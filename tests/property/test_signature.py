"""Our verdict on a signature is that of a reference written from Stripe's description, whatever comes in."""

from __future__ import annotations

import hashlib
import hmac
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.ingress.signature import BadSignature, Verified, verify

NOW = 1_790_000_000.0
TOLERANCE = 300
SECRETS = st.lists(
    st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip), min_size=1, max_size=3
)


def reference(body: bytes, header: str, secrets: list[str]) -> str | int:
    """Say which secret signed, or why the request is refused."""
    items = [item.split("=", 1) for item in header.split(",")]
    times = [item[1] for item in items if item[0] == "t" and len(item) == 2]
    known = [item[1] for item in items if item[0] == "v1" and len(item) == 2]
    known = [one for one in known if re.fullmatch("[0-9a-f]{64}", one)]
    if not header:
        return "missing_signature"
    named_t = [item for item in items if item[0] == "t"]
    if len(named_t) != 1 or not re.fullmatch("[0-9]{1,12}", times[0] if times else "") or not known:
        return "malformed_signature"
    if body.decode(errors="ignore").encode() != body:
        return "not_utf8"
    time = int(times[0])
    signed = [position for position, secret in enumerate(secrets) if sign(body, secret, time) in known]
    if not signed:
        return "bad_signature"
    if abs(time - NOW) <= TOLERANCE:
        return signed[0]
    return "stale_timestamp" if time < NOW else "future_timestamp"


def sign(body: bytes, secret: str, time: int) -> str:
    return hmac.new(secret.encode(), str(time).encode() + b"." + body, hashlib.sha256).hexdigest()


def verdict(body: bytes, header: str | None, secrets: list[str]) -> str | int:
    try:
        return verify(body, header, secrets, NOW, TOLERANCE).secret
    except BadSignature as error:
        return error.problem


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, str, list[str]]:
    """A request that is nearly right: signed by secrets of ours or of others, at some time, with noise."""
    body = draw(st.binary(max_size=200) | st.text(st.characters(codec="utf-8")).map(str.encode))
    secrets = draw(SECRETS)
    time = draw(st.sampled_from([-301, -300, -1, 0, 1, 300, 301])) + int(NOW)
    signers = draw(st.lists(st.sampled_from(secrets) | st.text(st.characters(codec="utf-8")), max_size=3))
    items = [f"t={time}"]
    items += [f"v1={sign(body, secret, time)}" for secret in signers]
    noise = st.sampled_from(
        ["v0=abc", "v1=", "v1", "t=1", "t", "=", "", "v1=é", "V1=" + "a" * 64, "v1=" + "0" * 64]
    )
    items += draw(st.lists(noise, max_size=2))
    tampered = draw(st.booleans()) and draw(st.booleans())
    return body + b"!" if tampered else body, ",".join(draw(st.permutations(items))), secrets


@given(requests())
def test_the_verdict_is_that_of_a_reference_hmac(request: tuple[bytes, str, list[str]]) -> None:
    body, header, secrets = request
    assert verdict(body, header, secrets) == reference(body, header, secrets)


@given(st.binary(), st.text() | st.none(), SECRETS)
@example(b"", "t=1,v1=\udcff", ["s"])
@example(b"\xff", "t=1,v1=" + "a" * 64, ["s"])
@example(b"", "t=" + "9" * 5000 + ",v1=" + "a" * 64, ["s"])
@example(b"", "t=١٢٣,v1=" + "a" * 64, ["s"])
def test_an_arbitrary_header_is_refused_and_never_raises_anything_else(
    body: bytes, header: str | None, secrets: list[str]
) -> None:
    assert isinstance(verdict(body, header, secrets), str)


@given(st.binary(), st.integers(0, 2), st.integers(-300, 300))
def test_every_secret_is_tried_and_the_one_that_signed_is_named(body: bytes, which: int, age: int) -> None:
    secrets = ["whsec_a", "whsec_b", "whsec_c"]
    time = int(NOW) - age
    header = f"t={time},v1={sign(b'other', 'whsec_x', time)},v1={sign(body, secrets[which], time)}"
    if body.decode(errors="ignore").encode() == body:
        assert verify(body, header, secrets, NOW, TOLERANCE) == Verified(which, time)


@pytest.mark.parametrize(
    "header", ["t={t},v0={s}", "t={t},v1={S}", "v1={s}", "t={t}", "t={t},t={t},v1={s}", "t=+{t},v1={s}"]
)
def test_a_header_that_is_not_quite_stripes_is_refused(header: str) -> None:
    time = int(NOW)
    signature = sign(b"{}", "whsec_a", time)
    text = header.format(t=time, s=signature, S=signature.upper())
    assert verdict(b"{}", text, ["whsec_a"]) == "malformed_signature"


@given(st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip))
def test_what_the_sender_is_told_holds_neither_secret_nor_expected_signature(secret: str) -> None:
    secret = f"whsec_{secret}"
    with pytest.raises(BadSignature) as refused:
        verify(b"{}", f"t={int(NOW)},v1={'0' * 64}", [secret], NOW, TOLERANCE)
    assert secret not in str(refused.value)
    assert sign(b"{}", secret, int(NOW)) not in str(refused.value)
