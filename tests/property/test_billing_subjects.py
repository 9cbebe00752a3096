"""Rules and values of any shape: a subject is made of what is there, or is missing, and nothing raises."""

from __future__ import annotations

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.decide import Known, Outcome, Policy, decide
from billing.position import Position
from billing.stripe_event import parse_event
from billing.subject_rule import SubjectRule, parse_subject_rule
from tests.stripe_shapes import NOON, event, invoice, subscription

fields = st.sampled_from(("customer", "account", "client_reference_id", "metadata.tenant", "metadata.a b"))
texts = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs", "Co", "Cn", "Cf"]), max_size=9
)
metadata = st.dictionaries(
    st.sampled_from(("tenant", "a b", "other")),
    st.none()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=300)
    | st.lists(st.text(max_size=3), max_size=2),
)


def template(parts: list[tuple[str, str]]) -> str:
    return "".join(f"{text}{{{field}}}" for text, field in parts)


plain = texts.filter(lambda text: "{" not in text and "}" not in text)
templates = st.lists(st.tuples(plain, fields), min_size=1, max_size=4).map(template)


def rule_or_words(written: str) -> SubjectRule | str:
    try:
        return parse_subject_rule(written)
    except ValueError as error:
        return str(error)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | templates)
def test_any_rule_parses_or_says_what_would_do(written: str) -> None:
    rule = rule_or_words(written)
    if isinstance(rule, str):
        assert rule
    else:
        names = {field: f"<{field}>" for field in rule.fields}
        assert rule.fields
        assert rule.missing(names) == ()
        assert all(f"<{field}>" in rule.apply(names) for field in rule.fields)


@settings(max_examples=200, deadline=None)
@given(templates)
def test_a_template_keeps_its_texts(written: str) -> None:
    rule = parse_subject_rule(written)
    assert rule.apply({field: f"{{{field}}}" for field in rule.fields}) == written
    assert isinstance(rule, SubjectRule)


@settings(max_examples=400, deadline=None)
@given(templates, metadata, st.none() | st.just("acct_1"), st.booleans())
def test_a_fact_has_the_whole_subject_or_is_not_told(
    written: str,
    found: dict[str, object],
    account: str | None,
    paid: bool,  # noqa: FBT001 - drawn
) -> None:
    if paid:
        bill = invoice()
        bill["parent"]["subscription_details"]["metadata"] = found
        built = event("invoice.paid", bill, account=account)
    else:
        built = event("customer.subscription.created", subscription(metadata=found), account=account)
    rule = parse_subject_rule(written)
    where = Position("stripe.events", 0, 1)
    decision = decide(parse_event(orjson.dumps(built)), where, NOON, Known({}, None), Policy(subject=rule))
    if decision.facts:
        (fact,) = decision.facts
        known: dict[str, object] = {"customer": "cus_1", "account": account}
        known |= {f"metadata.{key}": value for key, value in found.items()}
        assert fact.subject == rule.apply({field: str(known[field]) for field in rule.fields})
        assert all(isinstance(known[field], str) and known[field] for field in rule.fields)
    else:
        assert decision.outcome in (Outcome.DEFERRED, Outcome.REJECTED)
        assert decision.wait == (decision.outcome is Outcome.DEFERRED)
        assert decision.subscription is not None
