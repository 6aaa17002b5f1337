"""The parts of `bench/run.py`, each run in a process of its own."""
