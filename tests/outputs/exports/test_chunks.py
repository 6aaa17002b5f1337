"""Chunks: every block once, nothing whole cut, ids that stay, whatever the text holds."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine.outputs.exports.chunks import chunks_of, write
from ocr_engine.outputs.exports.cutting import count_tokens, cut
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.records import A4, Block, Box, OutlineEntry, PageRecord, PageStatus
from tests.hostile import ATTACKS

Finished = Callable[..., SourceDocument]
BOXES = (Box(0, 0, 999, 999),)
TABLE = "<table>" + "<tr><td>one two three. four five</td></tr>" * 40 + "</table>"
PIPES = "\n".join(["| a | b |", "|---|---|", *["| one. two | three |"] * 40])
FORMULA = r"\[" + " + ".join(["x_{i} . y"] * 60) + r"\]"
CODE = "```\n" + "a = b. c\n" * 60 + "```"
WHOLE = (TABLE, PIPES, FORMULA, CODE)
PROSE = "The quiet library keeps its doors open. " * 30


def record(page: int, *contents: str) -> PageRecord:
    blocks = tuple(Block("text", BOXES, content) for content in contents)
    return PageRecord(page, PageStatus.DONE, "", "r.w", "base", "markdown", blocks, geometry=A4)


def document(
    finished: Finished, *records: PageRecord, limit: int = 60, name: str = "a b/c"
) -> SourceDocument:
    made = finished([(one, "text") for one in records], name=name)
    return replace(made, chunk_tokens=limit)


def squeezed(*texts: str) -> str:
    return "".join("".join(texts).split())


def test_every_block_is_there_once_and_nothing_whole_is_cut(finished: Finished) -> None:
    contents = [
        PROSE,
        "short",
        f"Before it.\n\n{TABLE}\n\nAfter it.",
        PIPES,
        FORMULA,
        CODE,
        "short",
        "other",
        PROSE,
    ]
    source = document(finished, record(1, *contents[:4]), record(2, *contents[4:]))
    chunks = list(chunks_of(source))
    assert squeezed(*(chunk["text"] for chunk in chunks)) == squeezed(*contents)
    for whole in WHOLE:
        assert sum(whole in chunk["text"] for chunk in chunks) == 1
    assert all(chunk["tokens"] <= 60 or any(whole in chunk["text"] for whole in WHOLE) for chunk in chunks)
    parts = [(block["id"], block["part"]) for chunk in chunks for block in chunk["blocks"]]
    assert len(parts) == len(set(parts)) and len({chunk["id"] for chunk in chunks}) == len(chunks)
    assert {block for block, _ in parts} == {f"a%20b/c#page={p}&block={b}" for p, b in [
        (1, 0), (1, 1), (1, 2), (1, 3), (2, 0), (2, 1), (2, 2), (2, 3), (2, 4)]}  # fmt: skip


def test_places_statuses_and_links(finished: Finished) -> None:
    source = document(finished, record(1, "one", "two"), replace(record(2, "three"), suspect=True))
    (source.path / "review").mkdir()
    (source.path / "review/0001.html").touch()
    (chunk,) = chunks_of(source)
    assert chunk["text"] == "one\n\ntwo\n\nthree" and chunk["document"] == "a b/c"
    assert [(page["page"], page["status"], page["suspect"]) for page in chunk["pages"]] == [
        (1, "done", False), (2, "done", True),
    ]  # fmt: skip
    assert chunk["blocks"][2]["boxes_pt"] == [[0.0, 0.0, 595.0, 842.0]] and chunk["blocks"][2]["page"] == 2
    assert chunk["review"] == "a b/c/review/0001.html#block-0"


def test_a_heading_starts_a_chunk_and_is_its_path(finished: Finished) -> None:
    headings = [OutlineEntry(1, "A", 1, 0), OutlineEntry(2, "A.1", 1, 1), OutlineEntry(2, "A.2", 1, 3)]
    headings += [OutlineEntry(1, "B", 2, 0)]
    source = document(finished, record(1, "# A", "## A.1", PROSE, "## A.2", "words"), record(2, "# B"))
    chunks = list(chunks_of(replace(source, outline_of=lambda _: headings)))
    paths = [chunk["headings"] for chunk in chunks]
    assert paths[0] == paths[1] == ["A", "A.1"] and paths[-2:] == [["A", "A.2"], ["B"]]
    assert (
        chunks[0]["text"].startswith("# A\n\n## A.1\n\nThe quiet") and chunks[-2]["text"] == "## A.2\n\nwords"
    )


def test_two_files_are_equal(finished: Finished, tmp_path: Path) -> None:
    source = document(finished, record(1, PROSE, TABLE))
    for name in ("one", "two"):
        write([source], tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_hostile_text_and_names(finished: Finished, tmp_path: Path, attack: str) -> None:
    source = document(finished, record(1, attack[:100_000], "\ud800 half"))
    source = replace(source, given="in/\udcff\n.pdf")
    write([source], tmp_path / "chunks.jsonl")
    lines = (tmp_path / "chunks.jsonl").read_bytes().decode("utf-8").split("\n")[:-1]
    texts = [json.loads(line)["text"] for line in lines]
    assert squeezed(*texts) == squeezed(attack[:100_000], "\ud800 half")


def test_a_folder_that_looks_like_an_id_stays_one(finished: Finished) -> None:
    source = document(finished, record(1, "one"), name="x#page=9&block=1")
    assert next(chunks_of(source))["id"] == "x%23page%3D9%26block%3D1#page=1&block=0"


def test_tokens_are_counted_by_the_stated_rule() -> None:
    assert count_tokens("keep keeps a,b 漢字 x_1") == 1 + 2 + 3 + 2 + 3
    assert count_tokens("") == count_tokens(" \n ") == 0


def test_prose_is_cut_after_sentences_then_words() -> None:
    sentences = "One two three four five. Six seven eight nine ten. " * 4
    for piece in cut(sentences, 20):
        assert piece.endswith(".") and count_tokens(piece) <= 20
    assert list(cut("word " * 9, 4)) == ["word word word word", "word word word word", "word"]
    assert all(count_tokens(piece) <= 10 for piece in cut("漢字" * 50, 10))


@given(st.text(alphabet="ab.| \n$`\\[]()<table>/漢", max_size=300), st.integers(1, 20))
def test_cutting_loses_nothing(text: str, limit: int) -> None:
    assert squeezed(*cut(text, limit)) == squeezed(text)
    assert not any(re.fullmatch(r"\s*", piece) for piece in cut(text, limit))


@pytest.mark.parametrize(
    "unit", ["\\[", "$$", "`", "<table>", "[a](", "\n", " ", "$", "a. ", "| a", "<", "```\n", "漢"]
)
def test_cutting_takes_time_that_grows_with_the_text(unit: str) -> None:
    def seconds(chars: int) -> float:
        started = time.process_time()
        list(cut(unit * (chars // len(unit)), 400))
        return time.process_time() - started

    assert seconds(80_000) < 14 * max(seconds(10_000), 0.02)
