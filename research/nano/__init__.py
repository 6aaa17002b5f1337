"""The nano checkpoint: synthetic pages, tokenizer, model and training of a tiny DeepSeek-OCR.

A research package beside `ocr_engine`, which never imports it; its only product is a folder of weights.
"""
