"""Markdown of a page: blocks, gaps, figure links, labels that are text."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.config import TextConfig
from ocr_engine.records import Block, Box, ParsedText
from ocr_engine.text.grounding import parse
from ocr_engine.text.markdown import block_texts, to_markdown

BOX = "<|det|>[[1, 2, 30, 40]]<|/det|>"


def markdown(raw: str, link_prefix: str | None = "figures/") -> str:
    return to_markdown(parse(raw), link_prefix)


def ref(label: str) -> str:
    return f"<|ref|>{label}<|/ref|>{BOX}"


def test_a_page_as_the_model_writes_it() -> None:
    raw = (
        f"{ref('title')}\n# Title\n\n{ref('text')}\nOne.\nTwo.\n\n"
        f"{ref('image')}\n\n{ref('image_caption')}\n<center>Figure 1</center>\n"
    )
    assert markdown(raw) == "# Title\n\nOne.\nTwo.\n\n![](figures/0001-1.jpg)\n\nFigure 1\n"


def test_nothing_is_the_empty_string() -> None:
    assert markdown("") == ""
    assert markdown(" \n\n ") == ""
    assert markdown(f"{ref('text')}\n\n{ref('title')}\n") == ""


def test_text_without_tags_is_cleaned_only() -> None:
    assert markdown("\n\none  \n\n\n\ntwo\n\n") == "one\n\ntwo\n"
    assert markdown("    indented code") == "    indented code\n"


def test_gaps_between_blocks_are_those_of_the_raw_text() -> None:
    assert markdown(f"{ref('list')}- a\n{ref('list')}- b\n\n{ref('list')}- c") == "- a\n- b\n\n- c\n"
    assert markdown(f"{ref('text')}a{ref('image')}\n\nb") == "a\n![](figures/0001-1.jpg)\n\nb\n"
    assert markdown(f"{ref('text')}a{ref('text')}b") == "a\nb\n", "blocks never run into each other"


def test_one_link_a_box_and_the_caption_below() -> None:
    raw = "<|ref|>image<|/ref|><|det|>[[1, 2, 3, 4], [5, 6, 7, 8]]<|/det|>caption"
    assert markdown(raw, "../figures/") == "![](../figures/0001-1.jpg)\n![](../figures/0001-2.jpg)\ncaption\n"
    assert markdown(raw.replace("caption", "\n\ncaption")).endswith("2.jpg)\n\ncaption\n")


def test_without_a_prefix_there_are_no_links() -> None:
    assert markdown(f"{ref('text')}a\n\n{ref('image')}\n\n{ref('text')}b", None) == "a\n\nb\n"


def test_only_our_own_links_are_images() -> None:
    raw = f"{ref('text')}![](figures/0001-1.jpg)\n\n{ref('image')}\n"
    assert markdown(raw) == "! [](figures/0001-1.jpg)\n\n![](figures/0001-1.jpg)\n"


def test_labels_are_the_text_of_the_ocr_prompt() -> None:
    assert markdown(f"{ref('First line')}\n{ref('Second <b>line')}\n{ref('title')}\n") == (
        "First line\nSecond <b>line</b>\ntitle\n"
    )


def test_names_of_kinds_are_not_text() -> None:
    assert markdown(f"{ref('header')}\n\n{ref('text')}\nBody\n") == "Body\n"
    assert markdown(f"{ref('table')}\n{ref('Some words')}\n{ref('text')}\nBody\n") == "Some words\n\nBody\n"


def test_what_one_block_leaves_open_ends_with_it() -> None:
    raw = f"{ref('code')}\n```\ncode\n\n{ref('text')}\nBody <u>here\n\n{ref('text')}\nMore\n"
    assert markdown(raw) == "```\ncode\n```\n\nBody <u>here</u>\n\nMore\n"


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from([ref("text"), ref("image"), "\n", "\n\n", "word", " ", "```\n", "# "]), max_size=12
    )
)
def test_any_page_ends_in_one_newline_and_starts_with_none(parts: list[str]) -> None:
    page = markdown("".join(parts))
    assert page == "" or (page.endswith("\n") and not page.endswith("\n\n") and not page.startswith("\n"))
    assert page.count("![](figures/") == "".join(parts).count("image")


def test_the_texts_of_blocks_are_those_of_the_page() -> None:
    blocks = (
        Block("title", (), "\n# A\n"),
        Block("image", (Box(0, 0, 9, 9),), "", ("0001-1.jpg",)),
        Block("header", (), "\nrunning\n"),
        Block("text", (), "\n<script>x</script>b\n"),
    )
    options = TextConfig(headers_footers="drop")
    texts = block_texts(ParsedText(blocks), "../figures/", options, {"0001-1.jpg": "a chart"})
    assert texts == ("# A", "![](../figures/0001-1.jpg)\n\na chart", "", "xb")
    assert block_texts(ParsedText((Block("read", (), ""),)), None) == ("read",)
