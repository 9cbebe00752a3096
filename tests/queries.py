"""What a PromQL expression uses, as promql-parser reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import promql_parser

INTERVALS = {"$__rate_interval": "10s", "$__interval": "1s", "$__range": "1m"}


def plain(expression: str) -> str:
    """Return an expression without Grafana's variables."""
    for name, value in INTERVALS.items():
        expression = expression.replace(name, value)
    return expression


def selectors(expression: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each selector's metric name and its labels' matchers. Raises ValueError for no PromQL."""
    yield from _selectors(promql_parser.parse(plain(expression)))


def _selectors(node: Any) -> Iterator[tuple[str, dict[str, str]]]:
    match node:
        case promql_parser.VectorSelector():
            yield node.name, {one.name: one.value for one in node.matchers.matchers}
        case promql_parser.MatrixSelector():
            yield from _selectors(node.vector_selector)
        case promql_parser.Call():
            for argument in node.args:
                yield from _selectors(argument)
        case promql_parser.BinaryExpr():
            yield from _selectors(node.lhs)
            yield from _selectors(node.rhs)
        case promql_parser.AggregateExpr() | promql_parser.ParenExpr() | promql_parser.UnaryExpr():
            yield from _selectors(node.expr)
        case promql_parser.SubqueryExpr():
            yield from _selectors(node.expr)
