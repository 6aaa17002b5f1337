"""Tables of digests: they hold what a dict would, in a fraction of its memory."""

import random
import tracemalloc

import pytest

from ocr_engine.compact import DigestTable, Texts, digest


@pytest.mark.parametrize("key_bytes", [8, 16])
def test_a_table_holds_what_a_dict_holds(key_bytes: int) -> None:
    chance, table, known = random.Random(1), DigestTable(3, key_bytes), dict[bytes, bytes]()
    for _ in range(20_000):
        key = chance.choice(
            [chance.randbytes(key_bytes), bytes(key_bytes), bytes([chance.randrange(9)] * key_bytes)]
        )
        value = chance.randbytes(3)
        table.put(key, value)
        known[key] = value
    known_ones = known.pop(b"\1" * key_bytes, None)  # stands for the key of zeros, too
    known.pop(bytes(key_bytes))
    assert known_ones and all(table.get(key) == value for key, value in known.items())
    assert len(table) == len(known) + 1
    assert table.get(chance.randbytes(key_bytes)) is None


def test_a_set_says_what_is_new() -> None:
    seen = DigestTable()
    assert [seen.add(digest(name)) for name in ("a", "b", "a", "\udcff", "\udcff", "")] == [
        True, True, False, True, False, True,
    ]  # fmt: skip


def test_texts_come_back_as_they_were() -> None:
    texts = Texts()
    names = [f"Blätter/{number}/\udc80 {'x' * (number % 50)}" for number in range(5_000)]
    for name in names:
        texts.put(name, name[::-1])
    texts.put(names[7], "")
    assert texts.get(names[7]) == "" and texts.get("nobody") is None and len(texts) == len(names)
    assert all(texts.get(name) == name[::-1] for name in names[8:])


def test_a_document_takes_a_hundred_bytes() -> None:
    texts, count = Texts(), 20_000
    tracemalloc.start()
    for number in range(count):
        texts.put(f"in/{number:08d}.pdf", f"out/{number:08d}")
    used, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 100 * count and peak < 120 * count
