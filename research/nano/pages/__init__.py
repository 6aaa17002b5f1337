"""Synthetic pages: what stands on them, how it is set, what the model should answer."""
