"""Reads one page: prepares it, asks the engine, judges the answer, asks again, reads its figures."""
