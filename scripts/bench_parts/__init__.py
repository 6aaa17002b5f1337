"""The parts of `scripts/bench.py`, each run in a process of its own."""
