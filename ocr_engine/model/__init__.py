"""DeepSeek-OCR as a vLLM model of our own, and the embedded nano checkpoint. Loads no torch."""
