"""Benchmarks: predictions on disk in, scores out. Knows nothing of engines, pixels or pipelines."""
