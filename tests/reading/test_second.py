"""A second reading: when it is made, what of it is added, what the record says. A scripted engine."""

from dataclasses import replace
from typing import Any

import pytest
from PIL import Image, ImageDraw

from ocr_engine.config import Config, QualityConfig, fingerprint, load, read_keys
from ocr_engine.errors import RequestError, UsageError
from ocr_engine.outputs.journal import RECORD
from ocr_engine.outputs.jsonl import encode
from ocr_engine.outputs.record_lines import from_line, rebuilt, to_values
from ocr_engine.outputs.run_numbers import collect
from ocr_engine.reading.reader import ReadPage
from ocr_engine.reading.record import rewritten_record
from ocr_engine.reading.second import LABEL
from ocr_engine.reading.texts import texts_of
from ocr_engine.records import LayerVerdict, PageStatus, SecondReading
from tests.reading.test_reader import ABORT, LENGTH, STOP, Script, read, row_of
from tests.text_layers import layer_of

LINES = [
    "The quick brown fox jumps over the lazy dog near the river.",
    "Invoices are paid within thirty days after the goods arrive.",
    "Every winter the northern harbour freezes for several weeks.",
]
TOPS = (200, 450, 700)
INVENTED = "Our company was founded by two brothers in a small garage."


def page() -> Image.Image:
    """The three lines, each at its height."""
    image = Image.new("RGB", (1000, 1000), "white")
    for line, top in zip(LINES, TOPS, strict=True):
        ImageDraw.Draw(image).text((100, top), line, fill="black", font_size=24)
    return image


def answer(*lines: int) -> str:
    return "".join(
        f"<|ref|>text<|/ref|><|det|>[[90, {TOPS[at] - 5}, 900, {TOPS[at] + 35}]]<|/det|>\n{LINES[at]}\n\n"
        for at in lines
    )


def twice(first: str, second: Any, layer: str = "", **quality: Any) -> tuple[ReadPage, Script]:
    return read([(first, STOP), second], page(), layer, second_prompt="free", retries=(), **quality)


def added(read_page: ReadPage) -> list[str]:
    return [block.content.strip() for block in read_page.record.blocks if block.label == LABEL]


@pytest.mark.parametrize("missing", range(3))
def test_what_was_left_out_is_added_at_its_place_and_marked(missing: int) -> None:
    first = answer(*(at for at in range(3) if at != missing))
    found, script = twice(first, ("\n\n".join(LINES), STOP))
    assert [block.content.strip() for block in found.record.blocks] == LINES
    assert found.record.blocks[missing].label == LABEL
    [box] = found.record.blocks[missing].boxes
    assert TOPS[missing] - 10 <= box.y1 < box.y2 <= TOPS[missing] + 40
    second = found.record.second
    assert second is not None and second.why.endswith("% of its ink is in no block")
    assert (second.pieces, second.left_out, second.in_layer, second.prompt) == (1, 0, 0, "free")
    assert script.asked[1].prompt == "<image>\nFree OCR." and script.asked[1].request_id == "a/pages/0001+1"
    assert "letters added by a second reading (free)" in found.record.reason
    assert found.record.status is PageStatus.DONE and found.record.attempts == 2
    assert [one.settings for one in found.record.tried] == [{}, {"prompt": "free", "second": True}]


def test_what_was_added_is_in_the_raw_text_so_that_it_stays_when_the_page_is_written_again() -> None:
    found, _ = twice(answer(0, 2), ("\n".join(LINES), STOP))
    again = rewritten_record(found.record, found.raw, "r.w2")
    assert (again.blocks, again.second) == (found.record.blocks, found.record.second)
    markdown = texts_of(Config(), found.record, found.raw).markdown
    assert (
        markdown.split("\n\n") == [*LINES[:2], LINES[2] + "\n"] or markdown.split() == " ".join(LINES).split()
    )
    assert from_line(encode(to_values(found.record))) == found.record
    row = row_of(found.record, found.raw)
    assert rebuilt(row, row.extra[RECORD]) == replace(found.record, blocks=())
    numbers = collect([row])
    assert (numbers.twice, numbers.added_to, numbers.added_letters) == (1, 1, found.record.second.letters)  # type: ignore[union-attr]


def test_a_page_whose_ink_is_in_its_blocks_is_read_once() -> None:
    found, script = twice(answer(0, 1, 2), AssertionError("not asked"))
    assert len(script.asked) == 1 and found.record.second is None and found.texts is not None


def test_nothing_is_read_twice_where_it_is_not_asked_for() -> None:
    found, script = read([(answer(0), STOP)], page(), retries=())
    assert len(script.asked) == 1 and found.record.second is None


@pytest.mark.parametrize(
    "second",
    [
        ("\n".join(LINES), LENGTH), ("\n".join(LINES), ABORT), ("", STOP), (LINES[0], STOP),
        ("word " * 200, STOP), RequestError("too long"),
    ],
)  # fmt: skip
def test_a_second_reading_that_is_no_use_adds_nothing(second: Any) -> None:
    found, _ = twice(answer(0, 2), second)
    assert added(found) == [] and found.raw == answer(0, 2)
    assert found.record.second is not None and found.record.second.pieces == 0
    assert found.record.reason == "" and found.record.attempts == 2


def test_more_than_the_ink_can_be_or_at_a_place_without_ink_is_left_out() -> None:
    much = f"{LINES[1]} " + " ".join(f"further{at} sentences{at} nobody{at} wrote{at}" for at in range(40))
    found, _ = twice(answer(0, 2), ("\n".join([LINES[0], much, LINES[2]]), STOP))
    assert added(found) == [LINES[1]] and found.record.second.left_out == 1  # type: ignore[union-attr]
    found, _ = twice(answer(0, 2), ("\n".join([*LINES, INVENTED]), STOP))
    assert added(found) == [LINES[1]] and found.record.second.left_out == 1  # type: ignore[union-attr]


def test_a_layer_of_others_ocr_speaks_for_what_no_ink_does(monkeypatch: pytest.MonkeyPatch) -> None:
    import tests.reading.test_reader as scripted

    def layer(verdict: LayerVerdict) -> None:
        made = replace(layer_of("\n".join(LINES)), verdict=verdict)
        monkeypatch.setattr(scripted, "layer_of", lambda text: made)

    everything = f"<|ref|>text<|/ref|><|det|>[[0, 0, 999, 999]]<|/det|>\n{LINES[0]}\n\n"
    second = ("\n".join([*LINES, INVENTED]), STOP)
    layer(LayerVerdict.OCR)
    found, _ = twice(everything, second, "x")
    assert found.record.second is not None and found.record.second.why.endswith(
        "of its text layer were not read"
    )
    assert added(found) == LINES[1:] and found.record.second.in_layer == 2
    layer(LayerVerdict.BROKEN)
    found, script = twice(everything, second, "x")
    assert len(script.asked) == 1
    layer(LayerVerdict.BORN_DIGITAL)
    found, script = twice(answer(0), second, "x")
    assert len(script.asked) == 1, "the page's own text adds what was missed"


def test_how_sure_the_model_was_stays_with_its_blocks() -> None:
    found, _ = twice(answer(0, 2), ("\n".join(LINES), STOP), confidence=True)
    assert found.record.confidence is not None
    first, second, third = found.record.confidence.blocks
    assert first is not None and second is None and third is not None


def test_the_prompt_is_checked_and_only_where_it_is_on_pages_are_read_again_for_it() -> None:
    for bad, words in (
        ("fre", "did you mean free"),
        ("markdown", "the first prompt, too"),
        ("locate", "unknown"),
    ):
        with pytest.raises(UsageError, match=words):
            load(None, {"quality.second_prompt": bad})
    with pytest.raises(UsageError, match="output.layout: tree"):
        load(None, {"quality.second_prompt": "free", "output.layout": "official"})
    off, on = Config(), Config(quality=QualityConfig(second_prompt="free"))
    assert "quality.second_prompt" not in read_keys(off)
    assert fingerprint(on, read_keys(on)) != fingerprint(off, read_keys(off))


def test_its_record_has_bounds() -> None:
    line = encode(to_values(twice(answer(0, 2), ("\n".join(LINES), STOP))[0].record))
    assert from_line(line.replace(b'"pieces": 1', b'"pieces": -1')) is None
    assert SecondReading("free", "why").pieces == 0
