"""What the page has where blocks are unlike it: the worst first, bounded, formulas left out."""

from ocr_engine.layer.comparison import compared
from ocr_engine.layer.differences import MAX_CHARS, MAX_DIFFERENCES, differences
from ocr_engine.records import Block, Box
from tests.text_layers import layer_of_lines

LINES = ("the host sends the message", "and waits for the answer", "of the other side of it all")
LAYER = layer_of_lines([(line, 100, 100 + 40 * at) for at, line in enumerate(LINES)])


def blocks(*texts: str) -> list[Block]:
    return [
        Block("text", (Box(90, 95 + 40 * at, 990, 120 + 40 * at),), text) for at, text in enumerate(texts)
    ]


def test_the_worst_block_comes_first_and_equal_ones_do_not_come() -> None:
    found = differences(compared(blocks("the most sends the message", LINES[1], "nothing like that"), LAYER))
    assert [(one.block, one.text) for one in found] == [(2, LINES[2]), (0, LINES[0])]


def test_what_stands_where_a_formula_was_read_is_no_difference() -> None:
    formula = r"the host sends \(x^2\)"
    assert differences(compared(blocks(formula, LINES[1], LINES[2]), LAYER)) == ()
    assert differences(compared(blocks("the host sends", LINES[1], LINES[2]), LAYER))[0].block == 0


def test_it_is_bounded() -> None:
    many = layer_of_lines([("one word here", 100, 10 + 15 * at) for at in range(60)])
    rows = [Block("text", (Box(90, 8 + 15 * at, 990, 22 + 15 * at),), "other") for at in range(60)]
    assert len(differences(compared(rows, many))) == MAX_DIFFERENCES
    long = layer_of_lines([("word " * 24, 100, 10 + 15 * at) for at in range(60)])
    (one,) = differences(compared([Block("text", (Box(0, 0, 999, 999),), "other")], long))
    assert len(one.text) == MAX_CHARS
