"""PDF and image corpora to markdown with DeepSeek-OCR on vLLM. Importing it loads no torch, vllm or ray."""

__version__ = "0.2.0"
