"""olmOCR-bench: unit tests of facts about single pages, and pass rates over them.

The rules are those of github.com/allenai/olmocr, `olmocr/bench`.
"""
