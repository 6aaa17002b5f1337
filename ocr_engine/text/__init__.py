"""Turns raw model text into blocks and markdown. Knows no files and no engine."""
