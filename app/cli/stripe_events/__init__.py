"""Stripe events in the shape of API 2026-10-28.endive, made up: for `tollbridge send`, the demo and tests."""
