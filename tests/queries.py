"""What a PromQL expression uses, as promql-parser reads it."""

from __future__ import annotations

from typing import Any

import promql_parser

INTERVALS = {"$__rate_interval": "10s"}


def plain(expression: str) -> str:
    """Return an expression without Grafana's variables; none may be left."""
    for name, value in INTERVALS.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression


def selectors(expression: str) -> list[tuple[str, dict[str, str]]]:
    """Return each selector's metric and label matchers. Raises ValueError for what is no PromQL."""
    found: list[tuple[str, dict[str, str]]] = []

    def visit(node: Any) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            matchers = {one.name: one.value for one in node.matchers.matchers}
            found.append((node.name or matchers["__name__"], matchers))
        return True

    promql_parser.walk(promql_parser.parse(plain(expression)), visit)
    return found
