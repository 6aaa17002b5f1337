"""Running vLLM servers in place of an engine of our own."""
