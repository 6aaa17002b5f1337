"""DoclingDocument JSON: of the schema's form, each item in one place, boxes and levels as the page has them.

The classes here are the schema's, as far as it is written: docling-core cannot be installed beside mkdocs.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.outputs.exports import docling
from ocr_engine.outputs.exports.docling_items import Item, items_of
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.outputs.exports.nested_lists import nested
from ocr_engine.records import Block, BlockLine, Box, OutlineEntry, PageRecord, PageStatus
from tests.outputs.exports.conftest import block_texts

MakeRecord = Callable[..., PageRecord]
Finished = Callable[..., SourceDocument]
TEXT_LABELS = Literal[
    "caption", "footnote", "page_footer", "page_header", "reference", "text", "code", "formula", "title"
]


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    pass


class Ref(Strict, rename={"ref": "$ref"}):
    ref: str


class Rect(Strict):
    l: float  # noqa: E741 - the schema's name
    t: float
    r: float
    b: float
    coord_origin: Literal["TOPLEFT"]


class Prov(Strict):
    page_no: int
    bbox: Rect
    charspan: tuple[int, int]


class Node(Strict):
    self_ref: str


class Root(Node):
    content_layer: Literal["body", "furniture"]
    name: str
    label: Literal["unspecified"]
    children: list[Ref] = []


class Captioned(Node):
    children: list[Ref] = []
    captions: list[Ref] = []


class Listed(Node):
    parent: Ref
    children: list[Ref]
    content_layer: Literal["body"]
    name: str
    label: Literal["list"]


class Text(Node):
    parent: Ref
    label: str
    content_layer: Literal["body", "furniture", "notes"]
    orig: str
    text: str
    prov: list[Prov]
    level: int = 0
    enumerated: bool = False
    marker: str = ""
    children: list[Ref] = []


class Size(Strict):
    width: float
    height: float


class Image(Strict):
    mimetype: Literal["image/jpeg"]
    dpi: int
    size: Size
    uri: str


class Picture(Captioned, kw_only=True):
    parent: Ref
    label: Literal["picture"]
    prov: list[Prov]
    image: Image | None = None


class Cell(Strict):
    bbox: Rect | None
    row_span: int
    col_span: int
    start_row_offset_idx: int
    end_row_offset_idx: int
    start_col_offset_idx: int
    end_col_offset_idx: int
    text: str
    column_header: bool
    row_header: bool


class Data(Strict):
    table_cells: list[Cell]
    num_rows: int
    num_cols: int


class Table(Captioned, kw_only=True):
    parent: Ref
    label: Literal["table"]
    data: Data
    prov: list[Prov]


class Page(Strict):
    size: Size
    page_no: int


class Origin(Strict):
    mimetype: str
    binary_hash: int
    filename: str


class Made(Strict):
    schema_name: Literal["DoclingDocument"]
    version: str
    name: str
    origin: Origin | None
    furniture: Root
    body: Root
    groups: list[Listed]
    texts: list[Text]
    pictures: list[Picture]
    tables: list[Table]
    key_value_items: list[None]
    form_items: list[None]
    pages: dict[str, Page]


def made(document: SourceDocument, path: Path) -> Made:
    docling.write(document, path)
    found = msgspec.json.decode(path.read_bytes(), type=Made)
    nodes: dict[str, Any] = {}
    for name in ("groups", "texts", "pictures", "tables"):
        for at, node in enumerate(getattr(found, name)):
            assert node.self_ref == f"#/{name}/{at}"
            nodes[node.self_ref] = node
    holders = (found.body, *found.groups, *found.texts, *found.pictures, *found.tables)
    referred = [(one.self_ref, ref.ref) for one in holders for ref in one.children]
    for one in (*found.pictures, *found.tables):
        assert one.captions == one.children
    assert sorted(child for _, child in referred) == sorted(nodes), "each item stands in one place"
    assert all(nodes[child].parent.ref == parent for parent, child in referred)
    for text in found.texts:
        assert text.text == text.orig and all(prov.charspan == (0, len(text.text)) for prov in text.prov)
    for table in found.tables:
        for cell in table.data.table_cells:
            assert cell.end_row_offset_idx - cell.start_row_offset_idx == cell.row_span
            assert cell.end_row_offset_idx <= table.data.num_rows
            assert cell.end_col_offset_idx <= table.data.num_cols
    return found


PROSE = "Prose with \\(x^2\\) in it.\n\n- one\n- two\n\n3. three\n\n```\nx  = 1\n```"
BLOCKS = (
    Block("title", (Box(0, 0, 999, 100),), "# The title"),
    Block("text", (Box(0, 100, 999, 200),), PROSE),
    Block("equation", (Box(0, 200, 999, 300),), "\\[ a < b \\]"),
    Block("table", (Box(0, 300, 999, 400),),
          '<table><tr><th colspan="2">Both</th></tr><tr><td>\\(y\\)</td><td></td></tr></table>',
          (), (BlockLine(("Both",), (0, 99.9), 300, 310),)),
    Block("image", (Box(0, 500, 999, 600),), "![](../figures/0001-1.jpg)", ("0001-1.jpg",)),
    Block("image_caption", (Box(0, 600, 999, 650),), "Figure 1"),
    Block("footer", (Box(0, 900, 999, 999),), "7"),
    Block("sub_title", (Box(0, 700, 999, 750),), "## Below"),
)  # fmt: skip


def test_items_are_what_the_page_has(tmp_path: Path, finished: Finished, record: MakeRecord) -> None:
    failed = record(2, PageStatus.FAILED, "why", blocks=(), geometry=None)
    found = made(finished([(record(blocks=BLOCKS), ""), (failed, "")]), tmp_path / "d.json")
    assert [(text.label, text.text) for text in found.texts] == [
        ("title", "The title"),
        ("text", "Prose with $x^2$ in it."),
        ("list_item", "one"), ("list_item", "two"), ("list_item", "three"),
        ("code", "x  = 1"),
        ("formula", "a < b"),
        ("caption", "Figure 1"),
        ("page_footer", "7"),
        ("section_header", "Below"),
        ("text", "[page 2: failed: why]"),
    ]  # fmt: skip
    assert [text.marker for text in found.texts[2:5]] == ["-", "-", "3."] and found.texts[4].enumerated
    assert found.texts[8].content_layer == "furniture" and found.texts[10].content_layer == "notes"
    assert found.texts[9].level == 1 and found.texts[0].prov[0].bbox == Rect(0, 0, 100, 15.02, "TOPLEFT")
    (table,), (picture,) = found.tables, found.pictures
    assert [(cell.text, cell.col_span) for cell in table.data.table_cells] == [
        ("Both", 2),
        ("$y$", 1),
        ("", 1),
    ]
    assert table.data.table_cells[0].bbox == Rect(0, 45.05, 10, 46.55, "TOPLEFT")
    assert table.data.table_cells[0].column_header and table.data.table_cells[1].bbox is None
    assert picture.image is not None and picture.image.uri == "figures/0001-1.jpg"
    assert picture.image.size == Size(200, 30)
    assert found.pages["1"] == Page(Size(100, 150), 1) and found.pages["2"].size == Size(595, 842)
    assert found.origin == Origin("application/pdf", 0x0A1B, "a.pdf")


def test_levels_are_those_of_the_outline(tmp_path: Path, finished: Finished, record: MakeRecord) -> None:
    document = finished([(record(blocks=BLOCKS), "")])
    entries = [OutlineEntry(2, "The title", 1, 0), OutlineEntry(4, "Below", 1, 7)]
    leveled = SourceDocument(
        document.root, document.folder, document.given, "", block_texts, outline_of=lambda _: entries
    )
    found = made(leveled, tmp_path / "d.json")
    assert [(text.text, text.level) for text in found.texts if text.level] == [("The title", 1), ("Below", 3)]
    assert found.origin is None


def said_of(found: Made, one: Captioned) -> list[str]:
    texts = {text.self_ref: text for text in found.texts}
    return [f"{texts[ref.ref].label}: {texts[ref.ref].text}" for ref in one.children]


def test_captions_are_of_their_figure_or_table(
    tmp_path: Path, finished: Finished, record: MakeRecord
) -> None:
    table = "<table><tr><td>x</td></tr></table>"
    blocks = (
        Block("table_caption", (Box(0, 0, 999, 20),), "Table 1"),
        Block("table", (Box(0, 25, 999, 100),), table),
        Block("table_footnote", (Box(0, 105, 999, 120),), "a: measured"),
        Block("image", (Box(0, 200, 400, 300),), "", ("0001-1.jpg",)),
        Block("image", (Box(500, 200, 999, 300),), "", ("0001-2.jpg",)),
        Block("image_caption", (Box(0, 310, 400, 330),), "Left"),
        Block("image_caption", (Box(500, 310, 999, 330),), "Right"),
        Block("image_caption", (Box(0, 700, 999, 720),), "Far away"),
        Block("table_caption", (Box(0, 305, 400, 309),), "No table near"),
        Block("image_caption", (Box(0, 331, 400, 340),), "- a list"),
    )
    found = made(finished([(record(blocks=blocks), "")]), tmp_path / "d.json")
    assert said_of(found, found.tables[0]) == ["caption: Table 1"]
    assert [said_of(found, one) for one in found.pictures] == [["caption: Left"], ["caption: Right"]]
    alone = [text.text for text in found.texts if text.parent.ref == "#/body"]
    assert alone == ["a: measured", "Far away", "No table near"]


def test_lists_in_lists_are_groups_of_their_item(
    tmp_path: Path, finished: Finished, record: MakeRecord
) -> None:
    text = "1. one\n   - a\n   - b\n     - deep\n2. two\n   - c"
    found = made(finished([(record(blocks=(Block("text", (), text),)), "")]), tmp_path / "d.json")
    shown = {group.self_ref: (group.parent.ref, len(group.children)) for group in found.groups}
    assert shown == {
        "#/groups/0": ("#/body", 2),
        "#/groups/1": ("#/texts/0", 2),
        "#/groups/2": ("#/texts/2", 1),
        "#/groups/3": ("#/texts/4", 1),
    }
    assert [item.marker for item in found.texts] == ["1.", "-", "-", "-", "2.", "-"]
    assert [ref.ref for ref in found.body.children] == ["#/groups/0"]


@given(st.lists(st.integers(1, 40)))
def test_any_depths_are_lists(depths: list[int]) -> None:
    lists, held = nested(depths)
    assert sorted(at for one in lists for at in one.items) == list(range(len(depths)))
    assert sorted(number for inner in held for number in inner) == sorted(
        n for n, one in enumerate(lists) if one.within >= 0
    )
    assert all(one.within < min(one.items) for one in lists)


@pytest.mark.parametrize(
    ("markdown", "label", "kinds"),
    [
        ("\\[a\\] and \\[b\\]", "text", ["text"]),
        ("\\(a\\)", "equation", ["formula"]),
        ("\\(a\\)", "text", ["text"]),
        ("$$", "equation", ["text"]),
        ("> quoted\n> twice", "text", ["text"]),
        ("<script>alert(1)</script>", "text", []),
        ("1. a\n   - b\n2. c", "text", ["list_item"] * 3),
    ],
)
def test_kinds_of_items(markdown: str, label: str, kinds: list[str]) -> None:
    assert [item.kind for item in items_of(markdown, label, 0)] == kinds


@given(
    st.lists(
        st.sampled_from(
            [
                "<table>",
                "<td>",
                "- ",
                "1. ",
                "# ",
                "\\[",
                "\\]",
                "`",
                "a",
                "\n",
                "<li>",
                "</ul>",
                "\ue0003\ue001",
            ]
        )
    )
)
def test_any_markdown_is_items(parts: list[str]) -> None:
    assert all(isinstance(item, Item) for item in items_of("".join(parts), "text", 0))


def test_half_characters_and_tables_that_readers_cannot_hold(
    tmp_path: Path, finished: Finished, record: MakeRecord
) -> None:
    wide = "<table>" + "<tr><td>x</td></tr>" * 2000 + "<tr>" + "<td>y</td>" * 600 + "</tr></table>"
    blocks = (Block("table", (Box(0, 0, 9, 9),), wide),)
    document = finished([(record(blocks=()), "")])
    odd = SourceDocument(document.root, document.folder, "in/\udcff.pdf", "ff", block_texts)
    assert made(odd, tmp_path / "d.json").origin == Origin("application/pdf", 255, "?.pdf")
    found = made(finished([(record(blocks=blocks), "")], name="b"), tmp_path / "e.json")
    assert not found.tables and found.texts[0].text.startswith("x\nx\n")


def test_real_answers(shared_data: Path) -> None:
    labels: set[str] = set()
    for path in sorted((shared_data / "real_answers/avrcp/pages").glob("*.raw.md"))[:40]:
        labels |= {item.kind for item in items_of(path.read_text(), "text", 0)}
    assert {"section_header", "text", "table"} <= labels
    assert json.dumps(sorted(labels))
