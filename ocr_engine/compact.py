"""What a run keeps of every document, in a few dozen bytes each: tables of hashes and texts, without objects.

A corpus may have millions of documents; a string, a path and an entry of a dict for each are gigabytes.
"""

import hashlib

DIGEST_BYTES = 16
"""With so many no two texts that anybody can find have one digest."""
_PARTS = 64
"""A table grows in so many parts, each by itself, so that nobody waits for the whole."""
_FIRST_SLOTS = 8


def digest(text: str, size: int = DIGEST_BYTES) -> bytes:
    """A key of so many bytes for any text, half characters too."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()


class _Part:
    """Keys and values side by side; a key is in the first free slot from where its bytes point to."""

    __slots__ = ("_key_bytes", "_slot_bytes", "_slots", "count")

    def __init__(self, key_bytes: int, value_bytes: int) -> None:
        self._key_bytes, self._slot_bytes = key_bytes, key_bytes + value_bytes
        self._slots = bytearray(_FIRST_SLOTS * self._slot_bytes)
        self.count = 0

    def get(self, key: bytes) -> bytes | None:
        at = self._place(key)
        found = self._slots[at : at + self._slot_bytes]
        return bytes(found[self._key_bytes :]) if found.startswith(key) else None

    def put(self, key: bytes, value: bytes) -> None:
        at = self._place(key)
        if not self._slots.startswith(key, at):
            if 3 * (self.count + 1) > 2 * (len(self._slots) // self._slot_bytes):
                self._grow()
                at = self._place(key)
            self.count += 1
        self._slots[at : at + self._slot_bytes] = key + value

    def _place(self, key: bytes) -> int:
        """Where the key is, or belongs."""
        empty, size = bytes(self._key_bytes), len(self._slots)
        at = int.from_bytes(key[1:8], "little") % (size // self._slot_bytes) * self._slot_bytes
        while not self._slots.startswith(key, at) and not self._slots.startswith(empty, at):
            at = (at + self._slot_bytes) % size
        return at

    def _grow(self) -> None:
        old, step = self._slots, self._slot_bytes
        self._slots, empty = bytearray(2 * len(old)), bytes(self._key_bytes)
        for start in range(0, len(old), step):
            if not old.startswith(empty, start):
                key = bytes(old[start : start + self._key_bytes])
                at = self._place(key)
                self._slots[at : at + step] = old[start : start + step]


class DigestTable:
    """Digests and a value of fixed length for each, 1.5 to 3 times their bytes in memory."""

    def __init__(self, value_bytes: int = 0, key_bytes: int = DIGEST_BYTES) -> None:
        """Keys are digests of `key_bytes`, at least 8."""
        self._parts = [_Part(key_bytes, value_bytes) for _ in range(_PARTS)]
        self._no_key = bytes(key_bytes)

    def get(self, key: bytes) -> bytes | None:
        """The key's value, None where there is none."""
        key = self._usable(key)
        return self._parts[key[0] % _PARTS].get(key)

    def put(self, key: bytes, value: bytes = b"") -> None:
        """Set the key's value."""
        key = self._usable(key)
        self._parts[key[0] % _PARTS].put(key, value)

    def add(self, key: bytes) -> bool:
        """Put a key; returns whether it is new."""
        is_new = self.get(key) is None
        if is_new:
            self.put(key)
        return is_new

    def __len__(self) -> int:
        return sum(part.count for part in self._parts)

    def _usable(self, key: bytes) -> bytes:
        """Of a free slot the key is zeros."""
        return key if key != self._no_key else b"\1" * len(key)


class Texts:
    """Texts by texts: a digest and a place for each, and the text itself, one after another."""

    def __init__(self) -> None:
        self._places = DigestTable(8)
        self._bytes = bytearray()

    def get(self, key: str) -> str | None:
        """The text of a key, None where there is none."""
        place = self._places.get(digest(key))
        if place is None:
            return None
        start, length = int.from_bytes(place[:5], "little"), int.from_bytes(place[5:], "little")
        return self._bytes[start : start + length].decode("utf-8", "surrogatepass")

    def put(self, key: str, text: str) -> None:
        """Set the text of a key, at most 16 MB long."""
        data = text.encode("utf-8", "surrogatepass")
        place = len(self._bytes).to_bytes(5, "little") + len(data).to_bytes(3, "little")
        self._bytes += data
        self._places.put(digest(key), place)

    def __len__(self) -> int:
        return len(self._places)
