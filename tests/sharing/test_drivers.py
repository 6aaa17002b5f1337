"""Several drivers over one corpus: each document once, whoever dies; merged, the files of one run."""

import json
from pathlib import Path
from typing import Any

import fsspec
import pytest

from ocr_engine.__main__ import main
from ocr_engine.cli import drivers as cli_drivers
from ocr_engine.engine.replay import ReplayEngine
from ocr_engine.errors import ExitCode, OutputError
from ocr_engine.outputs.names import first_folder
from ocr_engine.pages import sources
from ocr_engine.records import Document, DocumentKind
from ocr_engine.sharing.board import Board, FolderBoard, StoreBoard, check
from ocr_engine.sharing.claims import Claim, Claims, not_ended, who_finished
from ocr_engine.sharing.shard import Shard, missing
from ocr_engine.sharing.taking import Taking
from tests.conversion.test_pipeline import REPLAY, make_pdf, rows, run_pdf, tree

DOCUMENTS = 9
ALOUD = [word for word in REPLAY if word != "--quiet"]


class Clock:
    def __init__(self, now_s: float) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PDFs, two of which would have one folder, one broken file, and one in a folder of another's name."""
    root = tmp_path_factory.mktemp("corpus") / "in"
    for number in range(DOCUMENTS - 3):
        make_pdf(root / f"{number % 2}/document {number}.pdf", 1 + number % 3, f"{number}:")
    make_pdf(root / "0/Document 0.pdf", 1, "another case:")
    make_pdf(root / "0/document 0/inside.pdf", 1, "inside:")
    (root / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    return root


@pytest.fixture(scope="module")
def one_run(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("one") / "out"
    assert run_pdf(corpus, "--output", out, "--set", "output.jsonl=true") == ExitCode.PAGES_FAILED
    return out


def merge(out: Path | str, *more: str) -> int:
    return main(["merge", "--output", str(out), *REPLAY, "--set", "output.jsonl=true", *more])


def files(out: Path) -> dict[str, bytes]:
    return {name: data for name, data in tree(out).items() if not name.startswith(".drivers/")}


def pages(out: Path) -> list[tuple[str, int | None, str]]:
    return sorted((row["document"], row["page"] or 0, row["status"]) for row in rows(out))


def document(name: str) -> Document:
    return Document(f"in/{name}", Path("in") / name, Path(name), DocumentKind.PDF, 1, 1)  # type: ignore[arg-type]


def test_shards_are_a_partition_and_keep_together_what_shares_a_name() -> None:
    items = [document(f"{k % 7}/paper {k}.pdf") for k in range(200)]
    items += [document("0/A.pdf"), document("0/a.pdf"), document("0/a.PDF")]
    parts = [list(Shard(number, 5).of(items)) for number in range(1, 6)]
    assert sorted(item.given for part in parts for item in part) == sorted(item.given for item in items)
    assert all(20 < len(part) < 60 for part in parts)
    assert {first_folder(item) for item in items[-3:]} == {"0/a"}
    assert any(all(item in part for item in items[-3:]) for part in parts)


def test_shards_merged_are_one_run(corpus: Path, one_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for number in (2, 1, 3):
        code = run_pdf(corpus, "--output", out, "--set", f"drivers.shard={number}/3")
        assert code in (ExitCode.OK, ExitCode.PAGES_FAILED, ExitCode.NO_INPUT)
    assert merge(out) == ExitCode.OK
    assert files(out) == files(one_run)
    assert pages(out) == pages(one_run)
    counts = json.loads((out / "run.json").read_text())["counts"]
    assert counts["done"] == sum(status == "done" for _, _, status in pages(one_run))
    assert counts["documents"] == DOCUMENTS - 1 and counts["documents_unreadable"] == 1
    before = (out / "journal.jsonl").read_bytes()
    assert merge(out) == ExitCode.OK
    assert (out / "journal.jsonl").read_bytes() == before, "a second merge brings nothing"
    assert run_pdf(corpus, "--output", out, "--set", "output.jsonl=true") == ExitCode.PAGES_FAILED
    assert files(out) == files(one_run), "a plain run goes on from what was merged"
    assert not [row for row in rows(out)[len(before.splitlines()) :] if row["page"]]


def test_a_merge_cut_off_before_its_lines_is_done_again(
    corpus: Path, one_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    run_pdf(corpus, "--output", out, "--set", "drivers.shard=1/1")
    with monkeypatch.context() as cut:
        cut.setattr("ocr_engine.outputs.journal.Journal.append_lines", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            merge(out)
    assert merge(out) == ExitCode.OK
    assert files(out) == files(one_run) and pages(out) == pages(one_run)


def test_nothing_to_merge_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert merge(tmp_path / "out") == ExitCode.USAGE
    assert "nothing to merge" in capfd.readouterr().err
    assert not (tmp_path / "out").exists(), "a mistyped folder is not made"


@pytest.mark.parametrize(
    ("key", "value"), [("shard", "0/3"), ("shard", "4/3"), ("shard", "a"), ("name", "a/b"), ("lease_s", "0")]
)
def test_a_wrong_key_is_refused(tmp_path: Path, key: str, value: str) -> None:
    assert (
        run_pdf(tmp_path, "--output", tmp_path / "out", "--set", f"drivers.{key}={value}") == ExitCode.USAGE
    )


@pytest.fixture(params=["folder", "store"])
def board(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "folder":
        yield FolderBoard(tmp_path / "board")
        return
    store = fsspec.filesystem("memory")
    store.store.clear()
    yield StoreBoard("memory://claims/here")
    store.store.clear()


def test_the_first_who_creates_a_file_has_it(board: Board) -> None:
    assert board.read("a/b") is None and board.names("a") == []
    assert board.create("a/b", b"1") and not board.create("a/b", b"2")
    assert board.read("a/b") == b"1"
    board.write("a/b", b"3")
    assert board.read("a/b") == b"3" and board.names("a") == ["b"]
    check(board, "there")


def test_a_document_goes_to_one_and_after_its_death_to_one_other(board: Board) -> None:
    """Their clocks are hours apart, and one runs backwards from the others' point of view."""
    clocks = [Clock(0.0), Clock(3600.0), Clock(-7200.0)]
    one, two, three = (Claims(board, f"d{k}", 60.0, clock=clock) for k, clock in enumerate(clocks))
    paper = document("paper.pdf")
    for driver in (one, two, three):
        driver.beat()
    assert one.take(paper) is Claim.OURS and one.take(paper) is Claim.OURS
    assert two.take(paper) is Claim.OTHERS
    clocks[1].now_s += 59.0
    assert two.take(paper) is Claim.OTHERS
    one.beat()
    clocks[1].now_s += 59.0
    assert two.take(paper) is Claim.OTHERS, "it gave a sign of life meanwhile"
    clocks[1].now_s += 61.0
    assert two.take(paper) is Claim.OURS
    assert three.take(paper) is Claim.OTHERS, "the second owner lives, whatever became of the first"
    assert one.take(paper) is Claim.OTHERS, "the first wakes up, and sees that it has lost the document"
    two.done([paper])
    one.done([paper])
    assert [driver.take(paper) for driver in (one, two, three)] == [Claim.DONE] * 3
    assert who_finished(board) == {"in/paper.pdf": "d1"}


def test_who_ends_in_order_keeps_nobody_waiting(board: Board) -> None:
    one, two = Claims(board, "one", 600.0), Claims(board, "two", 600.0)
    one.start()
    assert one.take(document("a.pdf")) is Claim.OURS
    one.end()
    assert two.take(document("a.pdf")) is Claim.OURS


def test_a_document_that_changed_or_another_config_is_done_again(board: Board) -> None:
    one = Claims(board, "one", 600.0, "a config")
    one.done([document("a.pdf")])
    assert one.take(document("a.pdf")) is Claim.DONE
    changed = Document("in/a.pdf", Path("in/a.pdf"), Path("a.pdf"), DocumentKind.PDF, 2, 1)  # type: ignore[arg-type]
    assert one.take(changed) is Claim.OURS
    assert Claims(board, "one", 600.0, "another").take(document("a.pdf")) is Claim.OURS


def test_a_driver_takes_up_what_a_dead_one_left(
    corpus: Path, one_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dead one holds every document, and has read four pages, which are not read again."""
    out = tmp_path / "out"
    options = ("--output", out, "--set", "drivers.lease_s=1", "--set", "drivers.claim=true")
    dead = Claims(FolderBoard(out / ".drivers/claims"), "dead", 1.0, _salt())
    dead.beat()
    items = [item for item in sources.find([str(corpus)], {DocumentKind.PDF}) if isinstance(item, Document)]
    assert {dead.take(item) for item in items} == {Claim.OURS}
    read = ("--set", "limits.pages=4", "--set", "engine.in_flight=1")
    assert run_pdf(corpus, "--output", out / ".drivers/runs/dead", *read) == ExitCode.LIMIT
    asked: list[str] = []
    generate = ReplayEngine.generate

    async def noted(self: ReplayEngine, request: Any, *args: Any) -> Any:
        asked.append(request.request_id)
        return await generate(self, request, *args)

    monkeypatch.setattr(ReplayEngine, "generate", noted)
    assert run_pdf(corpus, *options, "--set", "drivers.name=heir") == ExitCode.PAGES_FAILED
    assert run_pdf(corpus, *options, "--set", "drivers.name=late") == ExitCode.OK, "nothing is left to take"
    assert len(asked) == len([row for row in rows(one_run) if row["page"]]) - 4
    assert merge(out) == ExitCode.OK
    assert files(out) == files(one_run) and pages(out) == pages(one_run)


def _salt() -> str:
    from ocr_engine.cli.arguments import PDF, load_config, parser

    return cli_drivers.salt_of(load_config(parser(PDF).parse_args([*REPLAY])))


def test_what_did_not_arrive_in_the_store_is_not_said_to_be_done(board: Board) -> None:
    taking = Taking(Claims(board, "one", 60.0), list, "one", 60.0, lambda _: None)
    taking.ended(document("a.pdf"))
    taking.publish()  # the store was away: what it returned is never called
    assert who_finished(board) == {}
    arrived = taking.publish()
    taking.ended(document("b.pdf"))
    arrived()
    assert who_finished(board) == {"in/a.pdf": "one"}
    taking.publish()()
    assert set(who_finished(board)) == {"in/a.pdf", "in/b.pdf"}


def test_a_corpus_on_stdin_cannot_be_claimed(tmp_path: Path) -> None:
    out = ("--output", tmp_path / "out", "--set", "drivers.claim=true")
    assert run_pdf("-", *out) == ExitCode.USAGE


def test_drivers_of_different_configs_hear_of_each_other(board: Board) -> None:
    one, two, same = (Claims(board, name, 60.0, salt) for name, salt in ("ax", "by", "cx"))
    one.start()
    two.start()
    assert (one.of_other_config(), two.of_other_config(), same.of_other_config()) == (["b"], ["a"], ["b"])
    assert not_ended(board) == ["a", "b"]
    two.end()
    assert one.of_other_config() == [] and not_ended(board) == ["a"]
    one.end()


def test_a_driver_with_another_config_says_so_and_whom_it_waits_for_and_takes_over(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make_pdf(tmp_path / "in/a.pdf", 1, "a:")
    out = tmp_path / "out"
    board = FolderBoard(out / ".drivers/claims")
    Claims(board, "stranger", 60.0, "other").beat()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli_drivers, "salt_of", lambda _: "ours")
        dead = Claims(board, "dead", 1.0, "ours")
        dead.beat()
        (item,) = sources.find([str(tmp_path / "in")], {DocumentKind.PDF})
        assert dead.take(item) is Claim.OURS
        keys = ("drivers.claim=true", "drivers.lease_s=1", "drivers.name=late")
        options = [word for key in keys for word in ("--set", key)]
        words = ["pdf", str(tmp_path / "in"), "--output", str(out), *ALOUD, *options]
        assert main(words) == ExitCode.OK
    said = capfd.readouterr().err
    assert "drivers.claim: stranger work by another config or model" in said
    assert "waiting for 1 documents of dead; a driver without a sign of life for 1 s is taken over" in said
    assert "a.pdf: taken over from driver dead" in said
    assert main(["merge", "--output", str(out), *ALOUD]) == ExitCode.OK
    assert "not ended" not in capfd.readouterr().err, "neither of the others has a folder"


def test_a_place_without_atomic_creates_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = FolderBoard(tmp_path)
    monkeypatch.setattr(FolderBoard, "create", lambda *_: True)
    with pytest.raises(OutputError, match=r"^/mnt/out: drivers\.claim is not safe here.*use drivers\.shard$"):
        check(board, "/mnt/out")


def test_a_merge_says_what_is_missing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make_pdf(tmp_path / "in/a.pdf", 1, "a:")
    out = tmp_path / "out"
    for number in (1, 3):
        assert run_pdf(tmp_path / "in", "--output", out, "--set", f"drivers.shard={number}/4") == ExitCode.OK
    about = out / ".drivers/runs/shard-3-of-4/run.json"
    about.write_text(json.dumps(json.loads(about.read_bytes()) | {"ended": None}))
    assert main(["merge", "--output", str(out), *ALOUD]) == ExitCode.OK
    said = capfd.readouterr().err
    assert "2 shards have no run here: 2/4, 4/4 (drivers.shard)" in said
    assert "shard-3-of-4: not ended, running or dead; merge again" in said


def test_missing_shards_are_those_of_every_count_in_use() -> None:
    assert missing(["shard-1-of-2", "shard-2-of-2", "gpu-host", "shard-2-of-3"]) == ["1/3", "3/3"]
    assert missing([]) == []
