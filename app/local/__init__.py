"""Everything that runs on a laptop: broker, NATS, OpenMeter sandbox, the four processes."""
