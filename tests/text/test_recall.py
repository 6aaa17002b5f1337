from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.records import Block, Box
from ocr_engine.text.recall import letters, mostly_cjk, text_of, word_recall

TEXT = " ".join(f"word{k} and" for k in range(30))


def test_order_and_case_and_marks_do_not_matter_but_counts_do() -> None:
    assert word_recall(" ".join(reversed(TEXT.upper().split())), TEXT.replace(" ", ", ")) == 1.0
    assert word_recall(TEXT, f"{TEXT} {TEXT}") == 0.5
    assert word_recall("", TEXT) == 0.0
    assert word_recall("entirely other things", TEXT) == 0.0
    assert word_recall(f"{TEXT} and much more that is not in the layer", TEXT) == 1.0


def test_ligatures_hyphenation_and_full_width_letters_agree() -> None:
    layer = f"{TEXT} the ﬁrst oﬃce repre-\nsenta\u00adtive ＡＢＣ"
    assert word_recall(f"{TEXT} the first office representative ABC", layer) == 1.0


def test_chinese_and_japanese_count_by_characters() -> None:
    layer = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往"
    assert word_recall(layer, layer) == 1.0
    assert word_recall(layer[:10], layer) == 0.5
    assert mostly_cjk(layer) and not mostly_cjk(TEXT)


def test_a_layer_that_says_nothing_is_not_compared() -> None:
    assert word_recall(TEXT, "Page 7") is None
    assert word_recall(TEXT, "") is None
    assert word_recall(TEXT, "\ufffd" * 300 + TEXT) is None
    assert word_recall(TEXT, "\ue001\ue002 " * 300) is None


@given(text=st.text(), layer=st.text())
def test_it_is_a_share_whatever_the_texts(text: str, layer: str) -> None:
    recall = word_recall(text, layer)
    assert recall is None or 0 <= recall <= 1


def test_a_very_long_layer_is_bounded() -> None:
    assert word_recall("", "word " * 2_000_000) == 0.0


def test_text_is_without_markup_and_with_the_labels_that_are_text() -> None:
    box = (Box(1, 1, 9, 9),)
    blocks = (
        Block("table", box, "<table><tr><td>a</td><td>b</td></tr></table>"),
        Block("Total 5", box, ""),
    )
    assert text_of(blocks).split() == ["a", "b", "Total", "5"]
    assert letters("a, b5!") == 3
