"""Pieces of text join to the whole, at whatever token the answer is cut."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from ocr_engine.engine.checkpoint import resolve
from ocr_engine.engine.text_stream import TextStream
from ocr_engine.families import TOKENS

TEXTS = st.lists(
    st.text(max_size=8)
    | st.sampled_from([TOKENS.ref_open, TOKENS.det_close, "<td>", "漢字", "🎉", "é\ufffd"])
).map("".join).filter(lambda text: "\ufffd" * 4 not in text)  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(resolve("nano").folder / "tokenizer.json"))


@given(text=TEXTS, size=st.integers(1, 5))
def test_pieces_join_to_the_text(tokenizer: Tokenizer, text: str, size: int) -> None:
    def decode(ids: Sequence[int]) -> str:
        return tokenizer.decode(ids, skip_special_tokens=False)

    ids = tokenizer.encode(text, add_special_tokens=False).ids
    stream = TextStream(decode)
    pieces = [stream.add(ids[start : start + size]) for start in range(0, len(ids), size)]
    whole = decode(ids)
    assert whole == text
    assert stream.sent == len("".join(pieces))
    assert "".join(pieces) + whole[stream.sent :] == whole


def test_a_character_of_several_tokens_comes_whole_and_at_once(tokenizer: Tokenizer) -> None:
    stream = TextStream(lambda ids: tokenizer.decode(ids, skip_special_tokens=False))
    ids = tokenizer.encode("a🎉b", add_special_tokens=False).ids
    pieces = [stream.add([token]) for token in ids]
    assert [piece for piece in pieces if piece] == ["a", "🎉", "b"]
    assert len(ids) > 4, "a character of one token shows nothing"


def test_bytes_that_are_no_character_do_not_stop_the_stream(tokenizer: Tokenizer) -> None:
    stream = TextStream(lambda ids: tokenizer.decode(ids, skip_special_tokens=False))
    start_of_three = tokenizer.encode("漢", add_special_tokens=False).ids[0]
    text = "".join(stream.add([start_of_three]) for _ in range(50))
    assert len(text) > 40
