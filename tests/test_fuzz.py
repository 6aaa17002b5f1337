"""The fuzzing targets hold for their seeds and for what they found before."""

import importlib

import pytest

from fuzz import seeds
from fuzz.__main__ import MAX_LEN, TARGETS, Findings

FOUND: dict[str, tuple[bytes, ...]] = {
    "sanitizer": (
        b'<p y="<" onfocus="a">',
        b"<ref|[>kept<det|>[[1, 2,\n<|ref|>image<|/ref|><|det|>[[9, 9, 10, 10]]<|/det|>\n",
        b"<table><tr><td><codede>F/C=C\\F</code><>F/C=C\\F</code></tdtbod/>y<tr></table<ta<table>><td><codede>F/>",
        b"``a ` <<suIIII| IIIIIIIIIIIIIIIIIII on=4&#`x",
        b"`f|><|`et|>`a ` <bIIIII<tcalc><tr><td col~\x00 r<|ref|>image<|/ref|><|det|>"
        b"[[1,2,3,4]]<|\xffmage<|/ref|><|d|sI|",
        b"<table</a title\n# Lost\n<|ref|>td<d \n\n<table><tr>onMmg src=http://x/><|/ref|><|det|>"
        b"[[0, 2, [a]:c]><tr><td>"
        b'x</<" otd></tr></table>\n```\n<script>aler\x00D1)</script>\n```',
    ),
    "grounding": (b"<<|ref|>|ref|>",),
    "tables": (b"&#13;", b"&#10;=1+1", b"&#9;=1+1", b"\xef\xbc\x8d", b"\xef\xbc\x8d;<", b"<th>+;"),
    "journal": (
        b'{"document": "a", "page": 1, "status": "done", "reason": "", "fingerprint": "a.b", "outputs": [],'
        b' "attempts": 1}\n',
        b'{"document": "\\ud800", "page": 1, "status": "done", "reason": "", "fingerprint": "a.b", "outputs":'
        b' ["a/pages/0001.md"], "attempts": 1, "seconds": {"render": 0.1}}\n',
        b'{"document": "a", "page": 1, "status": "done", "reason": "", "fingerprint": "a.b", "outputs":'
        b' ["a/pages/\\ud888.md"], "attempts": 1, "seconds": {"render": 0.1}}\n',
    ),
    "server": (b'{"data": [{"id": "o\x7f"}]}',),
}
"""Inputs that broke a target once."""
KEPT = 40
"""Inputs of earlier runs that are tried again; a run of the fuzzer begins with all of them."""


@pytest.mark.parametrize("target", TARGETS)
def test_seeds_and_earlier_findings_hold(target: str) -> None:
    check = importlib.import_module(f"fuzz.{target}").check
    found = seeds.seeds(target, MAX_LEN)
    kept = seeds.corpus_of(target)
    assert len(found) > 50 and len(kept) > 50
    for data in (*found, *FOUND[target], *kept[:: len(kept) // KEPT + 1], b"", b"\xff\x00"):
        check(data)


def test_a_finding_is_kept_by_its_shortest_input(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    def check(data: bytes) -> None:
        assert len(data) < 3, f"long | {len(data)}"

    findings = Findings(check, tmp_path / "findings")
    for data in (b"a", b"abcde", b"abc", b"abcd"):
        findings(data)
    files = sorted(path for path in (tmp_path / "findings").iterdir() if not path.suffix)
    assert [path.read_bytes() for path in files] == [b"abc"]
    assert sum(findings.kinds.values()) == 3 and capsys.readouterr().out.count("FINDING") == 2


def test_the_dictionary_is_one_that_libfuzzer_reads() -> None:
    assert seeds.dictionary(['"<a\n', "\u00e9"]) == '"\\x22<a\\x0a"\n"\\xc3\\xa9"\n'
