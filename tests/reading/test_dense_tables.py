"""Dense tables read alone: which, what is asked, what is kept, what the record says. A scripted engine."""

from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

import tests.reading.test_reader as scripted
from ocr_engine.config import Config, QualityConfig, fingerprint, load, read_keys
from ocr_engine.errors import EngineError, RequestError, UsageError
from ocr_engine.outputs.journal import RECORD
from ocr_engine.outputs.jsonl import encode
from ocr_engine.outputs.record_lines import from_line, rebuilt, to_values
from ocr_engine.outputs.run_numbers import collect
from ocr_engine.reading.dense_tables import MAX_TABLES
from ocr_engine.reading.reader import ReadPage
from ocr_engine.reading.record import rewritten_record
from ocr_engine.reading.texts import texts_of
from ocr_engine.records import LayerVerdict, PageStatus, TableReading
from tests.reading.test_reader import LENGTH, STOP, Script, read, row_of
from tests.text.test_better_table import GRID, html, with_cell
from tests.text_layers import layer_of_lines

BOX = (100, 300, 500, 330)
BEFORE, BEHIND = "<|ref|>text<|/ref|><|det|>[[90, 90, 900, 135]]<|/det|>\nAbove.\n\n", "\n\n"
POOR = with_cell(1, 1, "")


def block(rows: list[list[str]], box: tuple[int, int, int, int] = BOX) -> str:
    return f"<|ref|>table<|/ref|><|det|>[{list(box)}]<|/det|>\n{html(rows)}\n\n"


def answer(*tables: str) -> str:
    return BEFORE + "".join(tables or (block(POOR),))


def again(*answers: Any, first: str = "", **more: Any) -> tuple[ReadPage, Script]:
    page = Image.new("RGB", (850, 1100), "white")
    found = [(first or answer(), STOP), *answers]
    return read(found, page, more.pop("layer", ""), dense_tables="auto", retries=(), blank_ink=0.0, **more)


ALONE = (f"<|ref|>table<|/ref|><|det|>[[5, 5, 990, 990]]<|/det|>\n{html(GRID)}\n", STOP)


def test_a_dense_table_is_read_alone_and_takes_the_firsts_place() -> None:
    found, script = again(ALONE)
    assert [one.request_id for one in script.asked] == ["a/pages/0001", "a/tables/0001-2"]
    assert script.asked[1].prompt == script.asked[0].prompt
    assert (script.asked[1].views.global_view != script.asked[0].views.global_view).any()
    text, table = found.record.blocks
    assert table.content.strip() == html(GRID) and text.content.strip() == "Above."
    assert [(box.x1, box.y1, box.x2, box.y2) for box in table.boxes] == [BOX], "the page's box stays"
    [done] = found.record.table_readings
    assert done.replaced and done.status is PageStatus.DONE and done.box == table.boxes[0] and done.dpi > 144
    assert done.why == "type of 4.6 pt by its rows: 9 px in base, 24 px alone", done.why
    assert done.reason == "9 cells filled, 8 in the first"
    assert found.record.reason == "1 table read again alone, larger" and found.record.attempts == 1
    assert found.record.status is PageStatus.DONE


@pytest.mark.parametrize(
    ("second", "status", "reason"),
    [
        ((ALONE[0], LENGTH), PageStatus.TRUNCATED, "no end of sequence within 50 tokens"),
        (("", STOP), PageStatus.BLANK, "the model found nothing to read"),
        (("no table", STOP), PageStatus.DONE, "the second answer is no plain table"),
        ((html(GRID) + "\n\n" + html(GRID), STOP), PageStatus.DONE, "the second answer is no plain table"),
        ((html(POOR[:2]), STOP), PageStatus.DONE, "the second answer keeps 67% of the first's letters"),
        (RequestError("too long"), PageStatus.FAILED, "too long"),
        (ValueError("odd"), PageStatus.FAILED, "internal error: ValueError('odd')"),
    ],
)  # fmt: skip
def test_a_second_reading_that_is_no_better_changes_nothing(
    second: Any, status: PageStatus, reason: str
) -> None:
    found, _ = again(second)
    assert found.raw == answer() and found.record.status is PageStatus.DONE and found.record.reason == ""
    [done] = found.record.table_readings
    assert (done.status, done.reason, done.replaced) == (status, reason, False)


def test_an_engine_that_died_is_the_runs_business() -> None:
    with pytest.raises(EngineError):
        again(EngineError("gone"))


def test_no_table_is_read_again_that_is_large_enough_or_where_it_is_not_asked_for() -> None:
    large = answer(block(POOR, (100, 300, 900, 700)))
    found, script = again(first=large)
    assert len(script.asked) == 1 and found.record.table_readings == () and found.texts is not None
    assert len(read([(answer(), STOP)], retries=())[1].asked) == 1
    assert len(again(first=answer().replace("table>", "tables>"))[1].asked) == 1
    assert len(again(first=answer().replace("table<|/ref|>", "table_caption<|/ref|>"))[1].asked) == 1
    whole = answer(block([["word " * 40] * 5] * 60, (0, 0, 999, 999)))
    assert len(again(first=whole)[1].asked) == 1, "alone it would be no larger"


def test_the_layer_says_how_large_the_type_is_and_which_reading_has_its_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = [("  ".join(row), 110.0, 302.0 + 9 * at) for at, row in enumerate(GRID)]
    made = layer_of_lines(lines)
    small = replace(made, sizes_pt=made.sizes_pt * 0 + 5.0, verdict=LayerVerdict.BORN_DIGITAL)
    wrong = (html(with_cell(1, 1, "1,l2O")), STOP)
    for layer, second, taken in ((small, ALONE, True), (small, wrong, False)):
        monkeypatch.setattr(scripted, "layer_of", lambda _, layer=layer: layer)
        found, _ = again(second, first=answer(block(with_cell(1, 1, "1,720"))), layer="x")
        [done] = found.record.table_readings
        assert done.replaced is taken and done.why.startswith("type of 5.0 pt by the text layer"), done
    assert "words of the text layer" in done.reason
    monkeypatch.setattr(scripted, "layer_of", lambda _: made)
    assert len(again(first=answer(), layer="x")[1].asked) == 1, "12 pt by the layer, whatever its rows say"


def test_at_most_so_many_tables_of_a_page_are_read_again_those_of_the_smallest_type() -> None:
    tables = [block(POOR, (100, 100 + 50 * at, 500, 120 + 50 * at - at)) for at in range(MAX_TABLES + 2)]
    found, script = again(*[ALONE] * MAX_TABLES, first=answer(*tables))
    names = [one.request_id for one in script.asked[1:]]
    assert names == [f"a/tables/0001-{at + 2}" for at in range(2, MAX_TABLES + 2)]
    assert found.record.reason == "4 tables read again alone, larger"


def test_what_is_outside_the_second_table_goes_and_nothing_of_it_acts() -> None:
    evil = html(GRID).replace("Year", "<script>alert(1)</script><|det|>Year<b onclick='x()'>s</b>")
    found, _ = again((f"# A heading\n\n{evil}\n\n[a](javascript:x)", STOP), first=answer(block(GRID[:2])))
    assert [one.label for one in found.record.blocks] == ["text", "table"]
    again_parsed = rewritten_record(found.record, found.raw, "r.w")
    assert again_parsed.blocks == found.record.blocks
    markdown = texts_of(Config(), found.record, found.raw).markdown
    assert not any(word in markdown for word in ("<script", "onclick", "heading", "javascript", "<|"))


def test_a_table_that_the_second_answer_breaks_up_is_not_taken() -> None:
    broken = ALONE[0].replace("2024", "<|ref|>x<|/ref|><|det|>[[1, 1, 9, 9]]<|/det|>2024")
    found, _ = again((broken, STOP))
    assert found.raw == answer() and not found.record.table_readings[0].replaced


def test_the_record_is_stored_counted_and_kept_when_the_page_is_written_again() -> None:
    found, _ = again(ALONE)
    assert from_line(encode(to_values(found.record))) == found.record
    row = row_of(found.record, found.raw)
    assert rebuilt(row, row.extra[RECORD]) == replace(found.record, blocks=())
    written = rewritten_record(found.record, found.raw, "r.w2")
    assert (written.blocks, written.table_readings) == (found.record.blocks, found.record.table_readings)
    numbers = collect([row])
    assert (numbers.tables_again, numbers.tables_replaced) == (1, 1)
    line = encode(to_values(found.record))
    assert from_line(line.replace(b'"dpi": ', b'"dpi": -')) is None
    assert TableReading(found.record.table_readings[0].box, "", 144, PageStatus.DONE, "").replaced is False


def test_how_sure_the_model_was_follows_the_table() -> None:
    found, _ = again(ALONE, confidence=True)
    assert found.record.confidence is not None and len(found.record.confidence.blocks) == 2
    assert all(one is not None for one in found.record.confidence.blocks)


def test_only_where_it_is_on_pages_are_read_again_for_it() -> None:
    off, on = Config(), Config(quality=QualityConfig(dense_tables="auto"))
    assert "quality.dense_tables" not in read_keys(off)
    assert fingerprint(on, read_keys(on)) != fingerprint(off, read_keys(off))
    assert load(None, {"quality.dense_tables": False}).quality.dense_tables == "off"
    with pytest.raises(UsageError, match="quality.dense_tables: for output.layout: tree"):
        load(None, {"quality.dense_tables": "auto", "output.layout": "official"})
