from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from agents.subject import message_id, subject

anything = st.text(st.characters(exclude_categories=["Cs"]))
awkward = st.text(alphabet=".*> =-_aB/$\t\r\n\x00é\U0001d54f", max_size=12)
texts = anything | awkward
VALID_TOKEN = re.compile(r"[A-Za-z0-9_=-]+")


@given(livemode=st.booleans(), event_type=texts, customer=texts)
def test_every_subject_is_valid_with_mode_and_customer_in_their_places(
    *,
    livemode: bool,
    event_type: str,
    customer: str,
) -> None:
    tokens = subject("billing", livemode=livemode, event_type=event_type, customer=customer).split(".")
    assert all(VALID_TOKEN.fullmatch(token) for token in tokens)
    assert tokens[:2] == ["billing", "live" if livemode else "test"]
    assert len(tokens) == 3 + min(event_type.count("."), 7) + 1
    assert sum(map(len, tokens)) < 2000


@given(first=st.tuples(texts, texts), second=st.tuples(texts, texts))
def test_different_events_have_different_subjects(first: tuple[str, str], second: tuple[str, str]) -> None:
    assert (first == second) == (of(first) == of(second))


@given(texts, texts)
def test_a_message_id_is_visible_ascii_of_bounded_length(source: str, event_id: str) -> None:
    name = message_id(source, event_id)
    assert name.isascii()
    assert not any(letter.isspace() for letter in name)
    assert name.isprintable()
    assert len(name) <= 256


@given(first=st.tuples(texts, texts), second=st.tuples(texts, texts))
def test_the_same_id_of_another_source_is_another_message(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    assert (first == second) == (message_id(*first) == message_id(*second))


def test_ordinary_names_stay_as_they_are() -> None:
    assert (
        subject("billing", livemode=True, event_type="payment.success", customer="cus_Qx1")
        == "billing.live.payment.success.cus_Qx1"
    )
    assert message_id("acct_1", "in_1:payment.success") == "acct_1/in_1:payment.success"


def test_long_names_that_differ_at_the_end_stay_different() -> None:
    names = {of(("t", "x" * 5000 + end)) for end in "ab"}
    assert len(names) == 2
    assert len({message_id("s", "x" * 5000 + end) for end in "ab"}) == 2


def of(names: tuple[str, str]) -> str:
    return subject("billing", livemode=False, event_type=names[0], customer=names[1])
