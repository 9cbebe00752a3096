"""The door: a webhook is verified, kept in Kafka, and only then answered."""
