"""Speed: a conversion and its parts, checks on a GPU, memory. log.md keeps what was tried."""
