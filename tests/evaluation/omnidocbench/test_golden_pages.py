"""Hand-made pages for the corners of the protocol, against what the official evaluators gave for them.

`golden/pages.json` holds ground truth and predictions; `official_v*.json` are the evaluator's result files
for them, one key a file: of December 2025 (v1.5), and of the last commit before that year's rework (v1.0).
"""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from ocr_engine.evaluation.omnidocbench import official
from ocr_engine.evaluation.omnidocbench.evaluate import evaluate
from ocr_engine.evaluation.omnidocbench.matching import MatchOptions
from ocr_engine.evaluation.omnidocbench.protocol import protocol
from ocr_engine.evaluation.report import finite

GOLDEN = Path(__file__).parent / "golden"
ONLY_OURS = {"BLEU", "METEOR"}
"""The stored runs had them switched off."""


def written(tmp_path: Path, version: str) -> dict[str, Any]:
    pages = (GOLDEN / "pages.json").read_text(encoding="utf-8")
    if version == "1.0":
        # That release takes the page's name for something else where it ends in .png, and crashes.
        pages = pages.replace('.png"', '.jpg"')
    content = json.loads(pages)
    (tmp_path / "gt.json").write_text(json.dumps(content["ground_truth"]))
    (tmp_path / "pred").mkdir()
    for name, markdown in content["predictions"].items():
        (tmp_path / "pred" / name).write_bytes(markdown.encode())
    options = MatchOptions(protocol(version))
    found = evaluate(tmp_path / "gt.json", tmp_path / "pred", options, workers=1, quiet=True)
    official.write(tmp_path / "result", "x", found)
    files = sorted((tmp_path / "result").iterdir())
    return {path.name.removeprefix("x_"): json.loads(path.read_text(encoding="utf-8")) for path in files}


def differences(ours: Any, theirs: Any, where: str) -> list[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = (ours.keys() | theirs.keys()) - (ONLY_OURS if where.endswith("text_block/all") else set())
        return [d for key in keys for d in differences(ours.get(key), theirs.get(key), f"{where}/{key}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [
            d
            for i, pair in enumerate(zip(ours, theirs, strict=True))
            for d in differences(*pair, f"{where}[{i}]")
        ]
    if isinstance(ours, float) and isinstance(theirs, float) and math.isclose(ours, theirs, rel_tol=1e-12):
        return []
    return [] if ours == theirs else [f"{where}: {ours!r:.80} is not {theirs!r:.80}"]


@pytest.mark.parametrize("version", ["1.5", "1.0"])
def test_every_number_of_the_official_files(tmp_path: Path, version: str) -> None:
    stored = GOLDEN / f"official_v{version.replace('.', '_')}.json"
    theirs = finite(json.loads(stored.read_text(encoding="utf-8")))
    ours = written(tmp_path, version)
    assert theirs.keys() <= ours.keys()
    assert differences({name: ours[name] for name in theirs}, theirs, "") == []
