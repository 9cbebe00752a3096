"""What is remembered: seen events and subscriptions."""
