"""Benchmarks from end to end: find the pages, let the engine read them, score what it wrote."""
