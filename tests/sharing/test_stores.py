"""Claims in stores other than S3, on emulators: one document goes to one, a merge makes one output."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures import stores
from ocr_engine.__main__ import main
from ocr_engine.errors import ExitCode
from ocr_engine.sharing.board import StoreBoard, check
from ocr_engine.sharing.claims import who_finished
from tests.conversion.test_pipeline import REPLAY, make_pdf, run_pdf, tree

# The clients' own.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(params=["gs", "az"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A client of a store with an empty `bucket`, and its scheme."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in (
        "STORAGE_EMULATOR_HOST",
        "AZURE_STORAGE_CONNECTION_STRING",
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT",
    ):
        monkeypatch.setenv(name, "")  # taken back at the end, whatever the store sets
        monkeypatch.delenv(name)
    try:
        with stores.STORES[request.param]() as client:
            yield client, request.param
    except stores.NoEmulatorError as error:
        pytest.skip(f"needs an emulator of the store ({error})")


def test_of_many_that_create_one_file_one_has_it(store: Any) -> None:
    _, scheme = store
    board = StoreBoard(f"{scheme}://bucket/out")
    check(board, "there")
    won: list[int] = []

    def create(number: int) -> None:
        if board.create("claims/a", b"%d" % number):
            won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and board.read("claims/a") == b"%d" % won[0]
    board.write("claims/a", b"later")
    assert board.read("claims/a") == b"later" and board.names("claims") == ["a"]
    assert board.read("claims/b") is None


def test_drivers_share_it_and_a_merge_makes_one_output(store: Any, tmp_path: Path) -> None:
    client, scheme = store
    for number in range(3):
        path = make_pdf(tmp_path / f"in/{number}.pdf", 2, f"{number}:")
        client.put_file(str(path), f"bucket/in/{path.name}")
    out = (f"{scheme}://bucket/in", "--output", f"{scheme}://bucket/out", "--set", "drivers.claim=true")
    assert run_pdf(*out, "--set", "drivers.name=one", "--set", "output.sync_s=0.2") == ExitCode.OK
    finished = who_finished(StoreBoard(f"{scheme}://bucket/out/.drivers/claims"))
    assert list(finished.values()) == ["one"] * 3
    assert run_pdf(*out, "--set", "drivers.name=late") == ExitCode.OK
    assert main(["merge", "--output", f"{scheme}://bucket/out", *REPLAY]) == ExitCode.OK
    client.invalidate_cache()
    names = {name.removeprefix("bucket/out/"): name for name in client.find("bucket/out")}
    pages = {name: client.cat_file(full) for name, full in names.items() if name[0].isdigit()}
    assert run_pdf(tmp_path / "in", "--output", tmp_path / "out") == ExitCode.OK
    assert pages == {name: data for name, data in tree(tmp_path / "out").items() if name[0].isdigit()}
