"""Traces by OpenTelemetry. Nothing of it is imported while nobody traces."""
