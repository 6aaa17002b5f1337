"""Raw model text in, blocks and markdown out. Knows no files and no engine."""
