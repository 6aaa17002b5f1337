"""The model families: modes, tiles and views of a page, prompts and special tokens."""
