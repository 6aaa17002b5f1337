"""The model in plain PyTorch, its sizes, its tokenizer, its views."""
