"""The official scripts' text, letter for letter: against literal expectations and a plain restatement."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.text import official
from ocr_engine.text.official import eval_md, image_mmd, page_det, page_mmd

EOS = "<｜end▁of▁sentence｜>"
SPLIT = "\n\n<--- Page Split --->\n"
PAGE = (
    "<|ref|>title<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\n# A \\coloneqq B\n\n"
    "<|ref|>image<|/ref|><|det|>[[1, 2, 3, 4], [5, 6, 7, 8]]<|/det|>\n\n"
    "<|ref|>image_caption<|/ref|><|det|>[[1, 2, 3, 5]]<|/det|>\n<center>Fig</center>\n\n"
    "<|ref|>image<|/ref|><|det|>[[9, 9, 10, 10]]<|/det|>\n"
)


def restated(raw: str, images: bool, collapse: bool, symbols: bool, center: bool, prefix: str) -> str:
    """The loop of the scripts, with the regular expression they use."""
    pattern = r"(<\|ref\|>(.*?)<\|/ref\|><\|det\|>(.*?)<\|/det\|>)"
    matches = [match[0] for match in re.findall(pattern, raw, re.DOTALL)]
    is_image = [images and "<|ref|>image<|/ref|>" in match for match in matches]
    content = raw
    image_matches = [match for match, image in zip(matches, is_image, strict=True) if image]
    for index, match in enumerate(image_matches):
        content = content.replace(match, f"![](images/{prefix}{index}.jpg)\n")
    for match in (match for match, image in zip(matches, is_image, strict=True) if not image):
        content = content.replace(match, "")
        if symbols:
            content = content.replace("\\coloneqq", ":=").replace("\\eqqcolon", "=:")
        if collapse:
            content = content.replace("\n\n\n\n", "\n\n").replace("\n\n\n", "\n\n")
        if center:
            content = content.replace("<center>", "").replace("</center>", "")
    return content


def restated_formulas(text: str) -> str:
    def condition(match: re.Match[str]) -> str:
        return "\\[" + re.sub(r"\\quad\s*\([^)]*\)", "", match[1]).strip() + "\\]"

    return re.sub(r"\\\[(.*?)\\\]", condition, text)


def test_a_page_of_the_pdf_script() -> None:
    assert page_det(PAGE + EOS) == PAGE + SPLIT
    assert page_mmd(PAGE + EOS, 7) == (
        "\n# A := B\n\n![](images/7_0.jpg)\n\n\n\n<center>Fig</center>\n\n![](images/7_1.jpg)\n\n".replace(
            "\n\n\n\n<center>", "\n\n<center>"
        )
        + SPLIT
    )


def test_the_page_split_follows_every_page_an_empty_one_too() -> None:
    assert page_det("") == page_mmd("", 0) == "\n\n<--- Page Split --->\n"


def test_a_page_without_end_of_sequence_keeps_its_slot() -> None:
    assert page_det("cut off") == "cut off" + SPLIT


def test_a_page_without_tags_is_not_cleaned() -> None:
    raw = "\\coloneqq\n\n\n\n\nx"
    assert page_mmd(raw, 0) == raw + SPLIT
    assert image_mmd(raw) == raw


def test_newlines_are_collapsed_once_for_each_tag() -> None:
    tag = "<|ref|>text<|/ref|><|det|>[[1, 2, 3, {}]]<|/det|>"
    newlines = "\n" * 10
    assert page_mmd(tag.format(4) + newlines + "x", 0) == "\n" * 4 + "x" + SPLIT
    assert page_mmd(tag.format(4) + tag.format(5) + newlines + "x", 0) == "\n" * 2 + "x" + SPLIT


def test_an_unclosed_ref_swallows_text_as_in_the_scripts() -> None:
    raw = "<|ref|>title\n# Lost\n<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>kept"
    assert page_mmd(raw, 0) == "kept" + SPLIT


def test_the_image_script_collapses_nothing_and_links_without_page() -> None:
    assert image_mmd(PAGE) == (
        "\n# A := B\n\n![](images/0.jpg)\n\n\n\n<center>Fig</center>\n\n![](images/1.jpg)\n\n"
    )


def test_the_eval_script_deletes_tags_conditions_and_center() -> None:
    raw = PAGE + "\\[ x = y \\quad (x>0) \\] and \\[ a\nb \\quad (c) \\]"
    assert eval_md(raw) == ("\n# A \\coloneqq B\n\nFig\n\n\n\\[x = y\\] and \\[ a\nb \\quad (c) \\]").replace(
        "Fig\n\n\n", "Fig\n\n"
    )
    assert "<center>Fig</center>" in eval_md(raw, remove_center=False)
    assert eval_md("<center>no tags</center>") == "<center>no tags</center>"


FRAGMENTS = st.sampled_from(
    ["<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "<|ref|>image<|/ref|><|det|>[[1,2,3,4]]<|/det|>",
     "<|ref|>text<|/ref|><|det|>[[1,2,3,4]]<|/det|>", "image", "text", "\n", "\n\n\n", "\\coloneqq",
     "\\eqqcolon", "<center>", "</center>", "\\[", "\\]", "\\quad", " ", "(", ")", "x"]
)  # fmt: skip


@settings(max_examples=400)
@given(st.lists(FRAGMENTS, max_size=25).map("".join))
def test_all_variants_equal_the_restated_scripts(raw: str) -> None:
    plain = {"images": True, "symbols": True, "center": False}
    assert page_mmd(raw, 3) == restated(raw, collapse=True, prefix="3_", **plain) + SPLIT
    assert image_mmd(raw) == restated(raw, collapse=False, prefix="", **plain)
    cleaned = restated_formulas(raw)
    for center in (True, False):
        expected = restated(cleaned, images=False, collapse=True, symbols=False, center=center, prefix="")
        assert eval_md(raw, remove_center=center) == expected


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["text", "image", "title"]), st.integers(0, 30), st.text("\nx(", max_size=6)
        ),
        max_size=30,
    )
)
def test_tags_that_go_in_one_pass_leave_the_text_that_the_scripts_leave(
    parts: list[tuple[str, int, str]],
) -> None:
    """On pages of more work than the scripts' way is given; the last tags let the line ends settle."""
    rest = [("text", 100 + number, "\n") for number in range(40)]
    raw = "".join(f"<|ref|>{label}<|/ref|><|det|>[[{x}]]<|/det|>{text}" for label, x, text in [*parts, *rest])
    exact = page_mmd(raw, 0), image_mmd(raw), eval_md(raw), eval_md(raw, remove_center=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(official, "_MAX_WORK", -1)
        assert (page_mmd(raw, 0), image_mmd(raw), eval_md(raw), eval_md(raw, remove_center=False)) == exact


@pytest.mark.parametrize("unit", ["<|ref|>", "<|/ref|><|det|>", "\\[", "\\quad(", "\\[ \\quad ("])
def test_hostile_repetition_takes_linear_time(unit: str) -> None:
    # The scripts' own expressions take minutes here.
    assert page_mmd(unit * 30_000, 0)
    assert eval_md(unit * 30_000)
