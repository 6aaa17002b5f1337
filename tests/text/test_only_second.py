"""What a second reading has that the first has not: found, at its place; nothing that was read."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.records import Block, Box
from ocr_engine.text.only_second import MAX_PIECES, only_in_second, plain

LINES = [
    "The quick brown fox jumps over the lazy dog near the river bank.",
    "Invoices are paid within thirty days after the goods arrive.",
    "Every winter the northern harbour freezes for several weeks.",
    "Students receive a certificate once all laboratory reports pass.",
]


def blocks(*texts: str) -> list[Block]:
    return [
        Block("text", (Box(0, 9 * at, 99, 9 * at + 8),), f"\n{text}\n\n") for at, text in enumerate(texts)
    ]


def found(first: list[str], second: str) -> list[tuple[str, int]]:
    return [(piece.text, piece.before) for piece in only_in_second(blocks(*first), second)]


def test_equal_readings_have_no_piece_whatever_their_lines_and_marks() -> None:
    assert found(LINES, "\n\n".join(LINES)) == []
    assert found(LINES, "## " + "\n- ".join(LINES).replace("fox", "**fox**").replace(" the ", "\nthe ")) == []
    table = "<table><tr><td>Every winter the northern</td><td>harbour freezes</td></tr></table>"
    assert found([table, LINES[0]], f"Every winter the northern harbour freezes\n{LINES[0]}") == []


@pytest.mark.parametrize("missing", range(4))
def test_a_missing_block_is_found_at_its_place(missing: int) -> None:
    first = LINES[:missing] + LINES[missing + 1 :]
    assert found(first, "\n".join(LINES)) == [(LINES[missing], missing)]


def test_lines_that_follow_each_other_are_one_piece_and_keep_their_ends() -> None:
    assert found([LINES[0], LINES[3]], "\n".join(LINES)) == [(f"{LINES[1]}\n{LINES[2]}", 1)]
    assert found([], LINES[0]) == [(LINES[0], 0)]


def test_what_is_missing_within_a_block_stands_behind_it() -> None:
    assert found([f"{LINES[0]} {LINES[2]}", LINES[3]], " ".join(LINES)) == [(LINES[1], 1)]


def test_text_that_was_read_misread_or_in_another_order_is_no_piece() -> None:
    misread = "Invoces are paid wlthin thirty dags after the goods arive."
    assert found([LINES[0], misread, LINES[2]], "\n".join(LINES[:3])) == []
    assert found([LINES[2], LINES[0], LINES[1]], "\n".join(LINES[:3])) == []


@pytest.mark.parametrize(
    "extra",
    [
        "Page 7", "ab cd", "12",
        "again and again and again and again and again and again and again and again",
        r"so \(x_1 = 2\) holds for all of the numbers above",
        "<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>",
    ],
)  # fmt: skip
def test_labels_loops_formulas_and_tags_are_no_piece(extra: str) -> None:
    assert found(LINES, "\n".join([*LINES[:2], extra, *LINES[2:]])) == []


def test_no_tag_of_the_model_or_of_html_is_in_a_piece() -> None:
    hostile = "<script>alert</script> <|ref|>x<|/ref|> this was <b>not</b> in the first reading at all"
    [(text, _)] = found(LINES[:1], f"{LINES[0]}\n{hostile}")
    assert "<" not in text and text.endswith("in the first reading at all")


def test_chinese_is_compared_by_character() -> None:
    first, missing = "本公司于二零二四年成立于上海浦东新区。", "所有发票应在收到货物之后三十天之内支付完毕。"
    assert found([first], f"{first}\n{missing}") == [(missing, 1)]
    assert found([first, missing], f"{first}{missing}") == []


def test_pieces_are_bounded() -> None:
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghij", k=7)) for _ in range(3000)]
    first = blocks(*words[::6])
    second = " ".join(words)
    assert len(only_in_second(first, second)) <= MAX_PIECES
    only_in_second(blocks("a b c " * 9000), "d e f " * 9000)


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_texts_are_compared(one: str, two: str) -> None:
    pieces = only_in_second(blocks(one), two)
    assert all(piece.letters >= 12 and 0 <= piece.before <= 1 and piece.text for piece in pieces)
    assert only_in_second(blocks(one), one) == [] or "\\" in one or plain(one) != one
