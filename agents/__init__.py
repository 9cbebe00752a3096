"""What happens to a message: lifecycle, OpenMeter, NATS. Thin; they decide nothing."""
