"""Stripe's API, read from, never written to."""
