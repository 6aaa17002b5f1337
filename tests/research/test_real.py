from pathlib import Path

import pymupdf
import pytest

from research.nano.tools.real import RealPage, choose, find_pages, normal

TEXT = "The quick report of the day is that rain fell on the hills and in the valley for a week. "


def make(path: Path, *columns: pymupdf.Rect, text: str = TEXT, rotation: int = 0, extra: str = "") -> Path:
    document = pymupdf.open()
    page = document.new_page(width=595, height=842)
    for rect in columns:
        assert page.insert_textbox(rect, text * 8, fontsize=11) > 0
    if extra:
        page.insert_text((290, 828), extra)
    page.set_rotation(rotation)
    document.save(path)
    return path


WIDE = pymupdf.Rect(60, 80, 535, 600)
LEFT, RIGHT = pymupdf.Rect(50, 80, 285, 700), pymupdf.Rect(310, 80, 545, 700)


def test_a_page_of_one_column_is_taken_with_its_text_and_size(tmp_path: Path) -> None:
    make(tmp_path / "one.pdf", WIDE, extra="17")
    (found,) = find_pages(tmp_path)
    assert found.truth == normal(TEXT * 8) and found.points == 11
    assert found.name == "one.pdf p. 1"
    assert found.picture().size == (1190, 1684)


@pytest.mark.parametrize(
    "other",
    [
        {"columns": (LEFT, RIGHT)},
        {"columns": (WIDE,), "rotation": 90},
        {"columns": (WIDE,), "text": "Der Bericht nennt den Regen und das Tal und die Höhen der Woche. "},
        {"columns": ()},
    ],
)
def test_pages_of_another_kind_are_not(tmp_path: Path, other: dict) -> None:
    make(tmp_path / "other.pdf", *other.pop("columns"), **other)
    (tmp_path / "damaged.pdf").write_bytes(b"%PDF-1.4 no more")
    assert list(find_pages(tmp_path)) == []


def test_what_looks_the_same_counts_as_the_same() -> None:
    grounded = "<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\n## “One” – two\n\n<td>ﬁve</td> \\(x\\)"
    assert normal(grounded) == '"One" - two five x'


def test_a_formula_counts_by_its_printed_characters() -> None:
    assert normal(r"so \((n + 1)^{3} = n^{3} + 3n_{k}\).") == "so (n + 1)3 = n3 + 3nk."
    assert normal(r"\[\frac{a+b}{2} \leq \alpha _{10} \tag{2.1}\]") == "a+b 2 ≤ α10 (2.1)"
    assert normal(r"\(\{x, \ldots , y\}\) and \(\log x\)") == normal("{x, …, y} and log x")


def test_blocks_are_read_from_top_to_bottom(tmp_path: Path) -> None:
    document = pymupdf.open()
    page = document.new_page(width=595, height=842)
    for top, text in ((450, "Second of the two. "), (90, "First of the two. ")):
        assert page.insert_textbox(pymupdf.Rect(60, top, 535, top + 300), text + TEXT * 5, fontsize=11) > 0
    document.save(tmp_path / "order.pdf")
    (found,) = find_pages(tmp_path)
    assert found.truth.startswith("First of the two.") and "Second" in found.truth


def test_files_share_and_copies_go() -> None:
    pages = [RealPage(Path(f"{name}.pdf"), n, f"{name} {n}", 10) for name in "ab" for n in range(1, 8)]
    copy = RealPage(Path("c.pdf"), 1, "a 4", 10)
    assert [(p.path.stem, p.number) for p in choose([*pages, copy], 2)] == [
        ("a", 2), ("a", 6), ("b", 2), ("b", 6)
    ]  # fmt: skip
