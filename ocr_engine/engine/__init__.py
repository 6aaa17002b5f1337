"""Engines: page views and a prompt in, raw text with grounding tags out; no files, no markdown."""
