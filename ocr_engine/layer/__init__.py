"""What a model read of a page beside the words that the file itself holds: agreement, and repair."""
