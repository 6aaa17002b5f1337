"""Equality with the official code: pixels, features, tokens, stage by stage; and two checkouts compared."""
