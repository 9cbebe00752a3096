"""The door's memory in Redis: it may vanish at any time, and nothing but work changes."""
