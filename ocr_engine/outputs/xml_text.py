"""Text of strangers for XML 1.0: what that forbids is replaced."""

import re

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """The text with a replacement character for each that XML forbids; not escaped."""
    return _FORBIDDEN.sub("\ufffd", text)
