"""Records and files that were deleted, cut or edited are made again; from stored text without the model."""

import json
import random
import shutil
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from itertools import permutations
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocr_engine.engine.replay import ReplayEngine
from ocr_engine.errors import ExitCode
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.store import Store
from ocr_engine.processes.pool import Call, WorkerPool
from tests.conversion.test_pipeline import make_pdf, rows, run_pdf, tree

LAYOUTS = ("tree", "page-folders", "official", "official-image", "official-eval")
EXPORTS = ("review", "html", "searchable_pdf", "jsonl", "parquet", "zip")
QUICK = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
GENERATE = ReplayEngine.generate
PAGES = {("a.pdf", 1), ("a.pdf", 2), ("b.pdf", 1)}


def _submit_here(_: WorkerPool, job: Callable[[Call], Any]) -> "Future[Any]":
    """The job done, what its worker should do done in this process."""
    future: Future[Any] = Future()
    try:
        future.set_result(job(lambda function, timeout_s: function()))
    except Exception as error:  # noqa: BLE001 - it belongs to the one who waits
        future.set_exception(error)
    return future


@pytest.fixture(scope="module", autouse=True)
def _in_this_process() -> Iterator[None]:
    """Starting workers would take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WorkerPool, "submit", _submit_here)
        yield


def convert(*args: str | Path) -> int:
    return run_pdf(*args, "--mode", "tiny")


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReplayEngine, "generate", None)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    make_pdf(folder / "a.pdf", 2)
    make_pdf(folder / "b.pdf", 1)
    return folder


@pytest.fixture(scope="module")
def calm(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The output folder of an undisturbed run with these options."""
    made: dict[tuple[str, ...], Path] = {}

    def make(*options: str) -> Path:
        if options not in made:
            made[options] = tmp_path_factory.mktemp("calm")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(ReplayEngine, "generate", GENERATE)
                assert convert(inputs, "--output", made[options], *options) == ExitCode.OK
        return made[options]

    return make


def options_of(layout: str = "tree", exports: tuple[str, ...] = ()) -> tuple[str, ...]:
    pairs = [("output.layout", layout), *((f"output.{name}", "true") for name in exports)]
    return tuple(word for key, value in pairs for word in ("--set", f"{key}={value}"))


def copied(calm: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    return Path(shutil.copytree(calm, to))


def accounted_for(output: Path) -> set[tuple[str, int]]:
    """Documents and pages of rows that a reader of JSON can read."""
    found = set()
    for line in (output / "journal.jsonl").read_bytes().splitlines():
        try:
            values = json.loads(line)
            found.add((Path(values["document"]).name, values["page"]))
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
    return found


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("order", list(permutations(("a/pages.jsonl", "a/pages/0001.md", "a/a.md"))))
def test_files_deleted_in_any_order_are_made_again(
    inputs: Path, tmp_path: Path, calm: Callable[..., Path], order: tuple[str, ...]
) -> None:
    options = options_of(exports=("jsonl",))
    output = copied(calm(*options), tmp_path / "out")
    for name in order:
        (output / name).unlink()
        assert convert(inputs, "--output", output, *options) == ExitCode.OK
        found, wanted = tree(output), tree(calm(*options))
        found.pop("exports.jsonl"), wanted.pop("exports.jsonl")
        assert found == wanted
    documents = (output / "documents.jsonl").read_text().splitlines()
    assert [json.loads(line)["metadata"]["pages"] for line in documents] == [2, 1]


def _delete(path: Path, _: random.Random) -> None:
    path.unlink()


def _cut(path: Path, chance: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: chance.randrange(len(data))])


def _edit(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data) - 1)] ^= 1
    path.write_bytes(data)


DAMAGES = (_delete, _cut, _edit)


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_damaged_records_and_merged_files_of_every_layout(
    inputs: Path, tmp_path: Path, calm: Callable[..., Path], layout: str, damage: Callable[..., None]
) -> None:
    options, chance = options_of(layout), random.Random(layout)
    output = copied(calm(*options), tmp_path / "out")
    names = ("pages.jsonl", "a.md", "a.mmd", "a_det.mmd", "a_layouts.pdf", "merged_output.md")
    damaged = [path for name in names for path in (output / "a").rglob(name)]
    if layout == "official-eval":
        damaged = [path for path in damaged if path.name == "pages.jsonl"]  # a.md is page 1 there
    assert damaged
    for path in damaged:
        damage(path, chance)
    lines = len(rows(output))
    assert convert(inputs, "--output", output, *options) == ExitCode.OK
    assert tree(output) == tree(calm(*options))
    assert len(rows(output)) == lines, "no page had to be written again"


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    "name",
    [
        "a/review/0002.html", "a/review/index.html", "a/a.html", "a/a.pdf", "documents.jsonl",
        "pages.parquet", "outputs.zip",
    ],
)  # fmt: skip
def test_a_damaged_export_is_made_again(
    inputs: Path, tmp_path: Path, calm: Callable[..., Path], name: str, damage: Callable[..., None]
) -> None:
    pytest.importorskip("pyarrow")
    options = options_of(exports=EXPORTS)
    output = copied(calm(*options), tmp_path / "out")
    damage(output / name, random.Random(name))
    assert convert(inputs, "--output", output, *options) == ExitCode.OK
    assert tree(output) == tree(calm(*options))


def test_a_page_whose_text_is_gone_too_is_read_again_and_no_other(
    inputs: Path, tmp_path: Path, calm: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = copied(calm(), tmp_path / "out")
    (output / "a/pages.jsonl").unlink()
    (output / "a/pages/0002.raw.md").unlink()
    asked: list[str] = []

    async def note(self: ReplayEngine, request: Any, on_text: Any = None) -> Any:
        asked.append(request.request_id)
        return await GENERATE(self, request, on_text)

    monkeypatch.setattr(ReplayEngine, "generate", note)
    assert convert(inputs, "--output", output) == ExitCode.OK
    assert asked == ["a/pages/0002"] and tree(output) == tree(calm())


def test_a_lost_page_that_is_not_asked_for_keeps_its_slot_until_it_is(
    inputs: Path, tmp_path: Path, calm: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = options_of(exports=("jsonl",))
    output = copied(calm(*options), tmp_path / "out")
    (output / "a/pages.jsonl").unlink()
    (output / "a/pages/0002.raw.md").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(ReplayEngine, "generate", None)
        for _ in range(2):
            assert convert(inputs, "--output", output, "--pages", "1", *options) == ExitCode.OK
            assert (output / "a/a.md").read_bytes() == (calm() / "a/a.md").read_bytes()
            documents = (output / "documents.jsonl").read_text().splitlines()
            assert [json.loads(line)["metadata"]["pages"] for line in documents] == [2, 1]
    assert len(rows(output)) == len(PAGES) + 1
    assert convert(inputs, "--output", output, *options) == ExitCode.OK
    found = tree(output)
    assert {name: data for name, data in found.items() if "exports" not in name} == {
        name: data for name, data in tree(calm(*options)).items() if "exports" not in name
    }


def test_exports_lose_no_page_of_a_document_that_the_run_is_not_given(inputs: Path, tmp_path: Path) -> None:
    output, options = tmp_path / "out", options_of(exports=("jsonl",))
    assert convert(inputs / "a.pdf", "--output", output) == ExitCode.OK
    record = (output / "a/pages.jsonl").read_bytes()
    (output / "a/pages.jsonl").unlink()
    assert convert(inputs / "b.pdf", "--output", output, *options) == ExitCode.OK
    documents = (output / "documents.jsonl").read_text().splitlines()
    assert [json.loads(line)["metadata"]["pages"] for line in documents] == [2, 1]
    assert (output / "a/pages.jsonl").read_bytes() == record


def test_a_dry_run_says_what_was_lost_and_mends_nothing(
    inputs: Path, tmp_path: Path, calm: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    output = copied(calm(), tmp_path / "out")
    (output / "a/pages.jsonl").unlink()
    (output / "a/pages/0002.raw.md").unlink()
    before = tree(output)
    assert convert(inputs, "--output", output, "--dry-run") == ExitCode.OK
    assert (
        "in all: 1 pages to read, 0 to write again from stored text, 2 unchanged" in capsys.readouterr().out
    )
    assert tree(output) == before


@pytest.mark.usefixtures("no_model")
def test_a_copied_folder_and_one_of_an_older_version_are_left_as_they_are(
    inputs: Path, tmp_path: Path, calm: Callable[..., Path]
) -> None:
    def times(output: Path) -> dict[str, int]:
        return {name: (output / name).stat().st_mtime_ns for name in tree(output)}

    options = options_of(exports=("html", "review"))
    output = tmp_path / "out"
    shutil.rmtree(output, ignore_errors=True)
    shutil.copytree(calm(*options), output, copy_function=shutil.copyfile)
    before = times(output)
    assert convert(inputs, "--output", output, *options) == ExitCode.OK
    assert times(output) == before

    (output / "checksums.jsonl").unlink()
    journal = output / "journal.jsonl"
    lines = [{k: v for k, v in row.items() if k not in ("record", "crc32")} for row in rows(output)]
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert convert(inputs, "--output", output, *options) == ExitCode.OK
    assert tree(output) == tree(calm(*options)) and rows(output) == lines


@pytest.mark.usefixtures("no_model")
def test_a_record_of_a_page_that_is_none_is_taken_away(
    inputs: Path, tmp_path: Path, calm: Callable[..., Path]
) -> None:
    output = copied(calm(), tmp_path / "out")
    store = output / "a/pages.jsonl"
    line = json.loads(store.read_text().splitlines()[0])
    with store.open("a") as file:
        file.write(json.dumps(line | {"page": 7}) + "\n")
    assert convert(inputs, "--output", output) == ExitCode.OK
    assert tree(output) == tree(calm())


@pytest.mark.usefixtures("no_model")
def test_damage_in_a_store_is_mended_from_any_machine(
    inputs: Path, tmp_path: Path, calm: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = fsspec.filesystem("memory")
    for path in calm().rglob("*"):
        if path.is_file() and path.name != ".lock":
            store.pipe_file(f"/bucket/out/{path.relative_to(calm())}", path.read_bytes())
    store.rm_file("/bucket/out/a/pages.jsonl")
    store.pipe_file("/bucket/out/b/b.md", b"edited")
    sent: list[str] = []
    send = Store.send
    monkeypatch.setattr(Store, "send", lambda self, path, name: (sent.append(name), send(self, path, name)))
    for machine in ("one", "another"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / machine))
        sent.clear()
        assert convert(inputs, "--output", "memory://bucket/out") == ExitCode.OK
        found = {name: store.cat_file(f"/bucket/out/{name}") for name in tree(calm())}
        assert found == tree(calm())
        of_documents = {name for name in sent if "/" in name}
        assert of_documents == ({"a/pages.jsonl", "b/b.md"} if machine == "one" else set())


def test_a_row_that_names_another_folder_makes_none(
    inputs: Path, tmp_path: Path, calm: Callable[..., Path]
) -> None:
    output = copied(calm(), tmp_path / "out")
    (output / "checksums.jsonl").unlink()
    journal, lines = output / "journal.jsonl", rows(output)
    for values in lines:
        values["outputs"] = [path.replace("a/", "elsewhere/") for path in values["outputs"]]
    journal.write_bytes(b"".join(line_of(values, "none") for values in lines))
    assert convert(inputs, "--output", output, "--pages", "1") == ExitCode.OK
    assert not (output / "elsewhere").exists()
    assert convert(inputs, "--output", output) == ExitCode.OK
    assert tree(output) == tree(calm())


DEEP = json.loads("[" * 200 + "]" * 200)
ODD_ROWS: tuple[dict[str, Any], ...] = (
    {"attempts": float("inf")}, {"attempts": 10**400}, {"attempts": -1}, {"attempts": "1"},
    {"seconds": {"total": float("inf")}}, {"seconds": {"total": float("nan")}}, {"attempts": DEEP},
    {"seconds": {"total": 10**400}},
    {"seconds": {"total": 1e308}}, {"seconds": {"total": -1.0}}, {"seconds": 5}, {"seconds": None},
    {"outputs": ["a/" + "x/" * 3000 + "pages/0001.md"]}, {"outputs": ["a/" + "x" * 300 + "/pages/0001.md"]},
    {"outputs": ["/etc/passwd"]}, {"outputs": ["../evil/pages/0001.md"]}, {"outputs": ["a/\0/0001.md"]},
    {"outputs": "a"}, {"outputs": [1]}, {"outputs": None}, {"document": "x" * 3_000_000}, {"document": ""},
    {"document": "a\0.pdf"}, {"document": DEEP}, {"document": "x/" * 60_000}, {"page": 0}, {"page": 10**400},
    {"page": "1"}, {"page": True}, {"page": 1.0}, {"status": "?"}, {"status": None}, {"reason": 5},
    {"fingerprint": None}, {"fingerprint": "x" * 10_000}, {"ended": float("inf")}, {"ended": 10**400},
    {"chars": -5}, {"chars": 10**400}, {"mode": DEEP}, {"content_id": 5}, {"recall": 2.0}, {"suspect": "yes"},
)  # fmt: skip


def line_of(values: dict[str, Any], checksum: str) -> bytes:
    """A line with its checksum right, of before there were any, or wrong."""
    values = {key: value for key, value in values.items() if key != "crc32"}
    body = json.dumps(values).encode()[:-1]
    if checksum == "none":
        return body + b"}\n"
    return b'%s, "crc32": "%08x"}\n' % (body, zlib.crc32(body) ^ (checksum == "wrong"))


@pytest.mark.parametrize("edit", ODD_ROWS)
def test_an_odd_line_of_the_journal_is_no_row(
    tmp_path: Path, calm: Callable[..., Path], edit: dict[str, Any]
) -> None:
    line = json.loads((calm() / "journal.jsonl").read_bytes().splitlines()[0]) | edit
    journal = tmp_path / "journal.jsonl"
    for checksum in ("none", "right", "wrong"):
        journal.write_bytes(line_of(line, checksum))
        assert list(Journal(journal).rows()) == []


@pytest.mark.usefixtures("no_model")
def test_all_odd_lines_at_once_change_nothing(
    inputs: Path, tmp_path: Path, calm: Callable[..., Path]
) -> None:
    output = copied(calm(), tmp_path / "out")
    first = json.loads((output / "journal.jsonl").read_bytes().splitlines()[0])
    with (output / "journal.jsonl").open("ab") as file:
        file.writelines(line_of(first | edit, "right") for edit in ODD_ROWS)
    assert convert(inputs, "--output", output) == ExitCode.OK
    assert tree(output) == tree(calm()) and {path.name for path in tmp_path.iterdir()} == {"out"}


@st.composite
def edited_lines(draw: st.DrawFn, lines: list[bytes], odd: tuple[dict[str, Any], ...]) -> bytes:
    """A file of lines, some of them edited, moved, doubled or gone."""
    made: list[bytes] = []
    for line in lines:
        kind = draw(st.sampled_from(["keep", "keep", "bytes", "odd", "cut", "gone", "joined", "junk"]))
        at = draw(st.integers(0, len(line) - 2))
        if kind == "bytes":
            line = line[:at] + draw(st.binary(min_size=1, max_size=4)) + line[at + 1 :]
        elif kind == "odd":
            values = json.loads(line) | draw(st.sampled_from(odd))
            line = line_of(values, draw(st.sampled_from(["right", "none", "wrong"])))
        elif kind == "cut":
            line = line[:at] + b"\n"
        elif kind == "joined":
            line = line.rstrip(b"\n")
        made += [line] if kind != "gone" else []
        if kind == "junk":
            made.append(
                draw(st.sampled_from([b"\0" * 300 + b"\n", b"\xff\n", b"[" * 90_000 + b"\n", b"5\n"]))
            )
    return b"".join(made) + draw(st.sampled_from([b"", b'{"document": "', b"\0" * 40, b"\n\n"]))


@QUICK
@given(data=st.data())
def test_edits_of_the_journal_cost_a_reading_at_most(
    inputs: Path, tmp_path: Path, calm: Callable[..., Path], data: st.DataObject
) -> None:
    output = copied(calm(), tmp_path / "out")
    journal = output / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(data.draw(edited_lines(lines, ODD_ROWS)))
    assert convert(inputs, "--output", output) == ExitCode.OK
    assert tree(output) == tree(calm())
    assert accounted_for(output) >= PAGES
    outside = [path.name for path in tmp_path.iterdir()]
    assert outside == ["out"]


ODD_RECORDS: tuple[dict[str, Any], ...] = (
    {"size": 5}, {"size": {"px": [1, 2]}}, {"size": {"px": ["a", 2], "pt": [1, 2], "dpi": 1}}, {"size": None},
    {"size": {"px": [10**400, 2], "pt": [1, 2], "dpi": 1}},
    {"size": {"px": [1, 2], "pt": [1e308, 2], "dpi": 0}},
    {"fingerprint": None}, {"fingerprint": DEEP}, {"fingerprint": "other"}, {"page": [1]}, {"page": 2},
    {"page": 10**400}, {"page": None}, {"page": -1}, {"page": 90}, {"status": "failed"}, {"status": DEEP},
    {"reason": "a\ud800"}, {"reason": 5}, {"blocks": None}, {"blocks": DEEP}, {"blocks": []},
    {"blocks": [{"label": "x", "boxes": [{"norm": [9, 9, 1, 1]}], "content": "", "figures": []}]},
    {"blocks": [{"label": "image", "boxes": [], "content": "", "figures": ["../../../evil.jpg"]}]},
    {"tried": [{}]}, {"tried": DEEP}, {"figure_texts": [{"name": "../x", "status": "done"}]}, {"recall": "x"},
    {"turned_deg": 10**400}, {"vision_tokens": float("inf")}, {"text_tokens": "7"}, {"content_id": "other"},
    {"content_id": None}, {"mode": 7},
)  # fmt: skip


@QUICK
@given(data=st.data())
def test_edits_of_the_records_are_mended_without_the_model(
    inputs: Path, tmp_path: Path, calm: Callable[..., Path], data: st.DataObject
) -> None:
    output = copied(calm(), tmp_path / "out")
    store = output / "a/pages.jsonl"
    lines = store.read_bytes().splitlines(keepends=True)
    order = data.draw(st.lists(st.sampled_from(lines), min_size=1, max_size=4))
    store.write_bytes(data.draw(edited_lines(order, ODD_RECORDS)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ReplayEngine, "generate", None)
        assert convert(inputs, "--output", output) == ExitCode.OK
    assert tree(output) == tree(calm())
    assert accounted_for(output) == PAGES


@pytest.mark.parametrize("edit", ODD_RECORDS)
def test_an_odd_record_without_stored_text_is_read_again(
    inputs: Path, tmp_path: Path, calm: Callable[..., Path], edit: dict[str, Any]
) -> None:
    options = ("--set", "output.raw=false")
    output = copied(calm(*options), tmp_path / "out")
    store = output / "a/pages.jsonl"
    first, second = store.read_text().splitlines()
    store.write_text(f"{json.dumps(json.loads(first) | edit)}\n{second}\n")
    assert convert(inputs, "--output", output, *options) == ExitCode.OK
    assert tree(output) == tree(calm(*options))
    assert {row["status"] for row in rows(output)} == {"done"}
