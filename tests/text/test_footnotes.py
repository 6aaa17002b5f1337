"""Footnotes and their marks: which are tied, which pages stay as they are, and what is never a mark."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.config import Config, TextConfig
from ocr_engine.reading.texts import page_joiner
from ocr_engine.records import Block, Box, PageRecord, PageStatus
from ocr_engine.text.footnotes import MAX_BLOCKS, MAX_CHARS, MAX_NOTES, with_footnotes

LINKED = Config(text=TextConfig(footnotes="linked"))


def text(content: str, top: int = 100, label: str = "text", left: int = 100, right: int = 900) -> Block:
    return Block(label, (Box(left, top, right, top + 40),), f"\n{content}\n\n")


def note(content: str, top: int = 900, label: str = "text") -> Block:
    return text(content, top, label)


def page(*blocks: Block, number: int = 7) -> PageRecord:
    return PageRecord(number, PageStatus.DONE, "", "", "", "markdown", blocks)


def tied(*blocks: Block) -> list[str] | None:
    """The texts of a page's blocks; None where it stays as it is."""
    [(after, changed)] = with_footnotes([page(*blocks)])
    assert changed == (after.blocks != blocks)
    return [block.content.strip() for block in after.blocks] if changed else None


@pytest.mark.parametrize(
    "mark",
    ["<sup>1</sup>", "<sup> 1 </sup>", "\\(^{1}\\)", "\\( ^{1} \\)", "\\(^1\\)", "\\({}^{1}\\)", "$^{1}$",
     "$ ^{1} $", "¹", " <sup>1</sup>"],
)  # fmt: skip
@pytest.mark.parametrize(
    "before", ["<sup>1</sup> ", "<sup>1</sup>", "1 ", "$^{1}$ ", "\\(^{1}\\) ", "¹ ", "¹"]
)
def test_a_mark_and_its_note_become_a_markdown_footnote(mark: str, before: str) -> None:
    found = tied(text(f"As was shown{mark} before."), note(f"{before}See the appendix."))
    assert found == ["As was shown[^p7-1] before.", "[^p7-1]: See the appendix."]


@pytest.mark.parametrize(
    "mark", ["*", "\\*", "†", "<sup>*</sup>", "\\(^{\\dagger}\\)", "$^{\\ast}$", "<sup>a</sup>"]
)
def test_signs_and_letters_are_marks_too(mark: str) -> None:
    found = tied(text(f"J. Smith{mark}, A. Miller"), note(f"{mark} Corresponding author."))
    assert found == ["J. Smith[^p7-s1], A. Miller", "[^p7-s1]: Corresponding author."]


def test_several_notes_in_one_block_each_get_their_own() -> None:
    body = text("First.<sup>3</sup> Then (that is it)<sup>4</sup> and “last”<sup>5</sup>")
    found = tied(body, note("3 One,\nwhich goes on.\n4 See two.\n<sup>5</sup> See three."))
    assert found == [
        "First.[^p7-3] Then (that is it)[^p7-4] and “last”[^p7-5]",
        "[^p7-3]: One, which goes on.\n\n[^p7-4]: See two.\n\n[^p7-5]: See three.",
    ]
    found = tied(text("First.<sup>3</sup>"), note("3 One,\n12 months long.\n4 Two."))
    assert found == ["First.[^p7-3]", "[^p7-3]: One, 12 months long.\n\n4 Two."], "no mark leads to 4"


def test_a_note_of_another_column_and_one_above_the_page_number_are_found() -> None:
    column = text("The right column.", 880, left=550, right=900)
    left = text("1 A note.", 900, left=100, right=500)
    number = note("7", 960, "page_number")
    assert tied(text("Words<sup>1</sup>"), left, column, number) is not None
    assert tied(text("Words<sup>1</sup>"), left, text("Below.", 950, right=500), number) is None
    assert tied(text("Words<sup>1</sup>"), text("1 A note.", 300)) is None, "not at the foot"
    assert (
        tied(text("Words<sup>1</sup>"), note("1 A note.", 300, "footnote"), text("Below.", 700)) is not None
    )


@pytest.mark.parametrize(
    "body",
    [
        "no mark", "two<sup>1</sup> of them<sup>1</sup>", "x<sup>1</sup>", "10<sup>1</sup>", "km<sup>1</sup>",
        "5 cm\\(^1\\)", "x¹", "sin¹ x", "\\(f(x)^{1}\\)", "$a^{1} + ab^{1}$", "\\(\\text{ab}^{1}\\)",
        "(a + b)<sup>1</sup>", "a<sub>1</sub>", "word<sup>1</sup>(see)", "word<sup>1</sup>[see]", "word 1",
        "word<sup>12</sup>", "`word<sup>1</sup>`", "word `<sup>1</sup>` word<sup>1</sup>", "1<sup>st</sup>",
        "<sup>1</sup>H-NMR", "[^p7-1] word<sup>1</sup>", "word<sup>1</sup>\n```\nx<sup>1</sup>\n```",
        "word<sup>1</sup>\n<table><tr><td>cell<sup>1</sup></td></tr></table>",
    ],
)  # fmt: skip
def test_what_is_no_mark_or_not_certain_leaves_the_page_as_it_is(body: str) -> None:
    assert tied(text(body), note("1 A note.")) is None


def test_notes_that_are_not_certain_leave_the_page_as_it_is() -> None:
    body = text("Words<sup>1</sup> and more<sup>2</sup>")
    assert tied(body, note("1 See one.\n1 See again.\n2 See two.")) is None
    assert tied(body, note("2 See two.\n1 See one.")) is None, "not in the order of the marks"
    assert tied(body, note("[1] A reference.")) is None and tied(body, note("1. An item.")) is None
    assert tied(body, note("12")) is None and tied(body, note("<sup>1</sup>")) is None
    assert tied(text("*Emphasis* is no mark"), note("* An item.")) is None
    assert tied(body, note("<sup>1</sup> http://host/x")) is None, "alone it would be a link's definition"


def test_bounds_hold() -> None:
    body, below = text("Words<sup>1</sup>"), note("1 A note.")
    assert tied(body, below) is not None
    assert tied(body, *[text("x", 300)] * MAX_BLOCKS, below) is None
    assert tied(body, text("x" * MAX_CHARS, 300), below) is None
    many = "\n".join(f"<sup>{at}</sup> note" for at in range(1, MAX_NOTES + 2))
    assert tied(body, note(many)) is None


def test_the_merged_file_has_them_and_a_paragraph_goes_on_over_them() -> None:
    pages = [
        page(text("It is said<sup>1</sup> that this sentence"), note("1 By many."), number=1),
        page(text("goes on."), number=2),
    ]
    joiner = page_joiner(Config(text=TextConfig(footnotes="linked", join_paragraphs=True)))
    assert joiner is not None
    first, second = (written for _, written in joiner(pages))
    assert first == "It is said[^p1-1] that this sentence goes on.\n\n[^p1-1]: By many.\n" and not second
    alone = page_joiner(LINKED)
    assert alone is not None
    assert [written for _, written in alone(pages)] == [
        "It is said[^p1-1] that this sentence\n\n[^p1-1]: By many.\n", None,
    ]  # fmt: skip
    assert page_joiner(Config()) is None


some = st.text("ab1*†. \n<sup>/[^]:(", max_size=40)


@given(
    st.lists(st.tuples(some, st.sampled_from(["text", "footnote", "table"]), st.integers(0, 950)), max_size=6)
)
def test_any_page_keeps_its_blocks_and_pages_without_marks_their_text(
    blocks: list[tuple[str, str, int]],
) -> None:
    made = page(*(text(content, top, label) for content, label, top in blocks))
    [(after, changed)] = with_footnotes([made])
    assert len(after.blocks) == len(made.blocks)
    assert [block.boxes for block in after.blocks] == [block.boxes for block in made.blocks]
    if changed:
        together = "".join(block.content for block in after.blocks)
        assert together.count("[^p7-") == 2 * together.count("]: ")
