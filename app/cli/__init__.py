"""The command line: up, send, demo."""
