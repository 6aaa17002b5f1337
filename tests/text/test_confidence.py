"""Token probabilities as numbers of words, blocks and pages."""

from array import array
from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.records import Confidence, FinishReason, Generation, PageConfidence, TokenScores
from ocr_engine.text.confidence import confidence, page_confidence, words_of
from ocr_engine.text.grounding import parse


def scored(*tokens):
    """An answer of these (text, probability) tokens."""
    text = "".join(piece for piece, _ in tokens)
    ends = [sum(len(piece) for piece, _ in tokens[: at + 1]) for at in range(len(tokens))]
    return text, TokenScores(array("I", ends), array("f", [log(chance) for _, chance in tokens]))


def words(*tokens):
    """Each word and its probability."""
    text, scores = scored(*tokens)
    found = words_of(text, scores)
    ends = [*found.starts[1:], len(text)]
    return [
        (text[a:b].strip(), pytest.approx(exp(one)))
        for a, b, one in zip(found.starts, ends, found.logs, strict=True)
    ]


def generation(*tokens):
    text, scores = scored(*tokens)
    return Generation(text, FinishReason.STOP, 9, 8, len(tokens), 0.1, scores=scores)


def test_a_words_probability_is_the_product_of_its_tokens():
    found = words(
        ("The", 0.5), (" riv", 0.5), ("er", 0.4), ("\n\n", 0.01), (" is", 1.0), (" ", 0.2), ("no", 0.9)
    )
    assert found == [("The", 0.5), ("river", 0.2), ("is", 1.0), ("no", 0.9)]


def test_characters_without_blanks_and_tags_are_words():
    assert words(("漢", 0.5), ("字", 0.25), ("ab", 1.0)) == [("漢", 0.5), ("字", 0.25), ("ab", 1.0)]
    cells = words(("<td>", 0.9), ("7", 0.5), (".5", 0.5), ("</td>", 0.8))
    assert cells == [("<td>", 0.9), ("7.5", 0.25), ("</td>", 0.8)]


def test_a_word_that_shares_its_token_with_one_before_has_no_number_of_its_own():
    assert words(("a b", 0.5), (" c", 0.25)) == [("a b", 0.5), ("c", 0.25)]


@given(st.lists(st.tuples(st.text("ab 漢<>\n", min_size=0, max_size=4), st.floats(0.01, 1.0)), max_size=12))
def test_no_text_breaks_it(tokens):
    text, scores = scored(*tokens)
    found = words_of(text, scores)
    assert len(found.starts) == len(found.logs) == len(found.tokens) and found.tokens.sum() <= len(tokens)
    one = confidence(found)
    assert one is None or (0 <= one.low <= one.mean <= 1)


PAGE = (
    ("<|ref|>", 1.0), ("title", 0.3), ("<|/ref|>", 1.0), ("<|det|>", 1.0), ("[[1, 2, 3, 4]]", 0.001),
    ("<|/det|>", 1.0), ("\n#", 1.0), (" Go", 0.64), ("od", 1.0), ("\n\n", 1.0),
    ("<|ref|>", 1.0), ("image", 1.0), ("<|/ref|>", 1.0), ("<|det|>", 1.0), ("[[5, 6, 7, 8]]", 0.001),
    ("<|/det|>", 1.0), ("\n\n", 1.0),
    ("<|ref|>", 1.0), ("text", 1.0), ("<|/ref|>", 1.0), ("<|det|>", 1.0), ("[[9, 10, 11, 12]]", 0.001),
    ("<|/det|>", 1.0), ("\nbad", 0.25), (" bad", 0.25), ("\n", 1.0),
)  # fmt: skip


def test_each_block_has_its_words_alone_and_the_page_all_of_them():
    answer = generation(*PAGE)
    found = page_confidence([(answer, parse(answer.text))])
    title, image, text = found.blocks
    assert title == Confidence(0.82, 0.64)
    assert image is None
    assert text == Confidence(0.25, 0.25) and found.page == Confidence(0.535, 0.25)


def test_the_form_with_labels_in_the_box_tags_has_the_same_words():
    answer = generation(
        ("<|det|>", 1.0), ("title [1, 2, 3, 4]", 0.001), ("<|/det|>", 1.0), ("Good", 0.64), ("\n", 1.0),
        ("<|det|>", 1.0), ("text [5, 6, 7, 8]", 0.001), ("<|/det|>", 1.0), ("bad", 0.25), (" bad", 0.25),
    )  # fmt: skip
    found = page_confidence([(answer, parse(answer.text))])
    assert [one.mean for one in found.blocks] == [0.64, 0.25]


def test_halves_have_numbers_for_the_page_and_one_without_scores_for_nothing():
    top, bottom = generation(*PAGE[:10]), generation(*PAGE[17:])
    parts = [(half, parse(half.text)) for half in (top, bottom)]
    found = page_confidence(parts)
    assert found == PageConfidence(Confidence(0.535, 0.25))
    silent = Generation("bad", FinishReason.STOP, 9, 8, 1, 0.1)
    assert page_confidence([parts[0], (silent, parse("bad"))]) is None
    assert page_confidence([(silent, parse("bad"))]) is None
    nothing = generation(("\n", 1.0))
    assert page_confidence([(nothing, parse(nothing.text))]) is None
