"""pages.jsonl: round trips, last record wins, order, torn tails."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocr_engine.errors import OutputError
from ocr_engine.outputs.jsonl import encode
from ocr_engine.outputs.page_store import NAME, PageStore
from ocr_engine.outputs.record_lines import from_line, to_values
from ocr_engine.records import Attempt, Confidence, PageConfidence, PageRecord, PageStatus

MakeRecord = Callable[..., PageRecord]


def loaded(store: PageStore) -> dict[int, PageRecord]:
    return {record.page: record for record in store.iterate(store.positions())}


def test_records_come_back_as_they_were(tmp_path: Path, record: MakeRecord) -> None:
    store = PageStore(tmp_path)
    records = [
        record(1),
        record(2, PageStatus.FAILED, "no \ud800 luck", blocks=(), geometry=None, vision_tokens=0),
        record(
            3,
            attempts=2,
            tried=(
                Attempt({}, PageStatus.LOOPED, "over and over", 700, 0.25),
                Attempt({"turn": 90}, PageStatus.DONE, "", 90),
            ),
            recall=0.25,
            suspect=True,
            turned_deg=90,
            from_text_layer=True,
            mode_reason="auto: why",
            renderer="pdfium",
            confidence=PageConfidence(
                Confidence(0.9, 0.5), (Confidence(1.0, 1.0), None, Confidence(0.0, 0.0))
            ),
        ),
    ]
    for item in records:
        store.append(item)
    assert loaded(store) == dict(enumerate(records, 1))


def test_a_line_holds_boxes_in_three_units_and_no_times(tmp_path: Path, record: MakeRecord) -> None:
    PageStore(tmp_path).append(record(1))
    values = json.loads((tmp_path / NAME).read_text(encoding="utf-8"))
    assert values["blocks"][0]["boxes"] == [
        {"norm": [10, 20, 300, 400], "px": [2, 6, 60, 120], "pt": [1.0, 3.0, 30.03, 60.06]}
    ]
    assert values["size"] == {"px": [200, 300], "pt": [100.0, 150.0], "dpi": 144.0}
    assert values["compression_ratio"] == round(100 / 903, 3)
    assert "confidence" not in values, "lines of pages without are as they always were"
    assert not any("second" in key or "time" in key for key in values)


def test_compacting_sorts_and_keeps_the_last_record_of_a_page(tmp_path: Path, record: MakeRecord) -> None:
    store = PageStore(tmp_path)
    for item in (record(3), record(1, reason="old"), record(2), record(1, reason="new")):
        store.append(item)
    positions = store.compact()
    assert list(positions) == [1, 2, 3]
    before = (tmp_path / NAME).stat().st_ino
    assert store.compact() == positions
    assert (tmp_path / NAME).stat().st_ino == before, "nothing to do, nothing written"
    assert [item.reason for item in store.iterate(positions)] == ["new", "", ""]
    lines = (tmp_path / NAME).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["page"] for line in lines] == [1, 2, 3]


def test_the_order_of_writing_does_not_show(tmp_path: Path, record: MakeRecord) -> None:
    for name, order in (("a", (1, 2, 3)), ("b", (3, 1, 2, 2))):
        store = PageStore(tmp_path / name)
        for page in order:
            store.append(record(page))
        store.compact()
    assert (tmp_path / "a" / NAME).read_bytes() == (tmp_path / "b" / NAME).read_bytes()


def test_a_torn_tail_and_junk_are_tolerated(tmp_path: Path, record: MakeRecord) -> None:
    store = PageStore(tmp_path)
    store.append(record(1))
    with (tmp_path / NAME).open("ab") as file:
        file.write(b'{"page": 0}\n{"page": "x"}\n{"page": 2, "status": "do')
    assert list(loaded(store)) == [1]
    store.append(record(3))
    assert list(loaded(store)) == [1, 3]
    assert list(store.compact()) == [1, 3]


def test_nothing_stored(tmp_path: Path) -> None:
    store = PageStore(tmp_path / "new")
    assert loaded(store) == {}
    assert store.compact() == {}
    assert not (tmp_path / "new").exists()


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(OutputError, match="is not a file"):
        PageStore(tmp_path)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_the_records_as_they_were(tmp_path: Path, record: MakeRecord) -> None:
    with pytest.raises(OutputError, match="disk is full"):
        PageStore(tmp_path).append(record(1))
    assert (tmp_path / NAME).read_bytes() == b""


def test_records_of_before_there_were_attempts_are_read(tmp_path: Path, record: MakeRecord) -> None:
    PageStore(tmp_path).append(record(1))
    values = json.loads((tmp_path / NAME).read_text(encoding="utf-8"))
    for key in ("tried", "recall", "suspect", "turned_deg", "from_text_layer", "renderer"):
        del values[key]
    (tmp_path / NAME).write_text(json.dumps(values) + "\n", encoding="utf-8")
    assert loaded(PageStore(tmp_path)) == {1: record(1)}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.just(10**400)
    | st.just("\ud800"),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=8), some, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_edited_line_is_a_record_or_none(record: MakeRecord, data: st.DataObject) -> None:
    """What is one survives being written and read again; nothing raises."""
    line = encode(to_values(record(1, attempts=2, tried=(Attempt({}, PageStatus.DONE, "", 7),))))
    kind = data.draw(st.sampled_from(["bytes", "value"]))
    if kind == "bytes":
        at = data.draw(st.integers(0, len(line) - 1))
        line = line[:at] + data.draw(st.binary(max_size=4)) + line[at + 1 :]
    else:
        values = json.loads(line)
        edited = data.draw(st.sampled_from([values, values["size"], values["blocks"][0], values["tried"][0]]))
        edited[data.draw(st.sampled_from(sorted(edited)))] = data.draw(JSON)
        line = json.dumps(values).encode()
    found = from_line(line)
    if found is not None:
        assert from_line(encode(to_values(found))) == found


@pytest.mark.parametrize(
    "edit",
    [
        {"size": 5}, {"size": {"px": [1, 2]}}, {"size": {"px": ["a", 2], "pt": [1, 2], "dpi": 1}},
        {"size": {"px": [10**400, 2], "pt": [1, 2], "dpi": 1}},
        {"size": {"px": [1, 2], "pt": [1e308, 2], "dpi": 1}}, {"blocks": None},
        {"size": {"px": [1, 2], "pt": [1, 2], "dpi": 0}},
        {"fingerprint": None}, {"page": [1]}, {"page": 0}, {"page": 10**400}, {"page": "1"}, {"status": "?"},
        {"reason": 5}, {"attempts": -1}, {"vision_tokens": 10**400}, {"text_tokens": "7"},
        {"repairs": 1.5}, {"recall": 2}, {"turned_deg": 10**400}, {"suspect": 1}, {"mode": None},
        {"tried": [{}]},
        {"blocks": [{"label": "x", "boxes": [{"norm": [9, 9, 1, 1]}], "content": "", "figures": []}]},
        {"blocks": [{"label": "x", "boxes": [{"norm": [0, 0, 1, 1000]}], "content": "", "figures": []}]},
        {"blocks": [{"label": "image", "boxes": [], "content": "", "figures": ["../../../evil.jpg"]}]},
        {"figure_texts": [{"name": "../x", "status": "done"}]}, {"content_id": 5},
        {"confidence": 0.9}, {"confidence": {"page": {"mean": 2, "low": 0}}},
        {"confidence": {"page": {"mean": 1, "low": 0}, "blocks": [1]}},
    ],
)  # fmt: skip
def test_an_odd_value_is_no_record(record: MakeRecord, edit: dict[str, object]) -> None:
    values = to_values(record(1))
    assert from_line(encode(values)) is not None
    assert from_line(encode(values | edit)) is None


def test_pages_of_other_content_are_found_among_odd_lines(tmp_path: Path, record: MakeRecord) -> None:
    store = PageStore(tmp_path)
    for page, content in ((1, "now"), (2, "then"), (3, "")):
        store.append(record(page, content_id=content))
    with (tmp_path / NAME).open("ab") as file:
        file.write(b'{"page": [4], "content_id": "then"}\n{"page": null}\n{"page": "5", "content_id": 5}\n')
    assert store.of_other_content(lambda page: "now") == (2,)
