"""Limits how often the same line may be repeated in a row."""


def limit_equal_lines(text: str, most: int) -> str:
    """Keep at most `most` equal lines in a row; 0 keeps all. Blank lines between them do not count."""
    if not most:
        return text
    kept: list[str] = []
    last, count, gap = "", 0, False
    for line in text.split("\n"):
        words = line.strip()
        if words and words == last:
            count += 1
        elif words:
            if count > most and gap and kept[-1].strip():
                kept.append("")  # what was left out ended a paragraph
            last, count = words, 1
        gap = not words
        if count <= most:
            kept.append(line)
    return "\n".join(kept) + ("\n" if count > most and text.endswith("\n") else "")
