"""Everything that is written to disk. Takes ready records and texts; knows nothing of how they came about."""
