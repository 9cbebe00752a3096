"""Whatever shape an event has, reading it and deciding on it never raises, and all of it can be written."""

from __future__ import annotations

import copy
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.cloudevent import encode
from billing.decide import HANDLED, Known, Outcome, Policy, decide, lookups
from billing.partition_key import partition_key
from billing.position import Position
from billing.seen import Seen
from billing.state import SubscriptionState
from billing.stripe_event import MalformedEvent, parse_event
from tests import stripe_shapes as shapes
from tests.stripe_shapes import Json

TYPES = tuple(sorted(HANDLED))
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def decided(built: Any) -> None:
    """Parse, look up, decide twice and write everything."""
    event = parse_event(orjson.dumps(built))
    assert partition_key(event)
    keys = lookups(event)
    position = Position("stripe.events", 0, 1)
    decision = decide(event, position, 1, Known({}, None), Policy())
    assert decision.reason
    assert (decision.problem is not None) == (decision.outcome is Outcome.REJECTED)
    assert set(decision.remember) <= set(keys.seen)
    assert all(orjson.loads(encode(fact))["subject"] for fact in decision.facts)
    state = decision.subscription
    if state is not None:
        assert keys.subscription is not None
        assert SubscriptionState.decode(state.encode()) == state
        assert orjson.dumps(state.view())
    seen = {key: Seen.decode(value.encode()) for key, value in decision.remember.items()}
    again = decide(event, position, 2, Known(seen, state), Policy())
    assert [fact.id for fact in again.facts] == [fact.id for fact in decision.facts]


def problem_of(built: Any) -> str | None:
    """Decide, if it is an event at all; else return what is wrong."""
    try:
        decided(built)
    except MalformedEvent as error:
        return error.problem
    return None


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, inner in entries:
        found += paths(inner, (*at, name))
    return found


def put(value: Any, path: tuple[Any, ...], new: Any) -> None:
    for name in path[:-1]:
        value = value[name]
    value[path[-1]] = new


def whole(event_type: str) -> Json:
    kind = event_type.partition(".")[0]
    if kind == "invoice":
        return shapes.event(event_type, shapes.invoice())
    if kind == "checkout":
        return shapes.event(event_type, shapes.checkout_session())
    return shapes.event(event_type, shapes.subscription(), previous={"status": "incomplete"})


@settings(max_examples=500, deadline=None)
@given(st.data(), st.sampled_from(TYPES))
def test_one_field_of_any_shape_never_raises(data: st.DataObject, event_type: str) -> None:
    built = whole(event_type)
    path = data.draw(st.sampled_from(paths(built["data"])))
    put(built["data"], path, data.draw(anything))
    problem = problem_of(built)
    assert problem in ((None, "wrong_shape") if path == ("object",) else (None,))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(TYPES), st.dictionaries(st.text(max_size=8), anything), anything)
def test_an_object_of_any_shape_never_raises(event_type: str, obj: Json, previous: Any) -> None:
    built = shapes.event(event_type, obj)
    built["data"]["previous_attributes"] = previous
    decided(built)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=64) | anything.map(orjson.dumps))
def test_any_bytes_are_an_event_or_say_what_is_wrong(given: bytes) -> None:
    problem: str | None = None
    try:
        parse_event(given)
    except MalformedEvent as error:
        problem = error.problem
    assert problem in {None, "not_utf8", "not_json", "not_an_object", "wrong_shape"}


@settings(max_examples=200, deadline=None)
@given(st.data(), anything)
def test_an_envelope_with_one_field_of_any_shape_parses_or_says_what_is_wrong(
    data: st.DataObject, value: Any
) -> None:
    built = copy.deepcopy(whole("invoice.paid"))
    built[data.draw(st.sampled_from(sorted(built)))] = value
    assert problem_of(built) in (None, "wrong_shape")
