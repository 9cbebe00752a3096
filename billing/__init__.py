"""What it means: Stripe events in, decisions and facts out. Pure; no Kafka, no clock, no I/O."""
