"""Capacity planning: how long a corpus will take, on what, and what holds it up. Starts no engine."""
