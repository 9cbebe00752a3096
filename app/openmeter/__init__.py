"""OpenMeter's ingest API."""
