"""Queries of the tables over HTTP, on every lifecycle worker: docs/queries.md."""
