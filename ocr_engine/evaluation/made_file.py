"""`made.json` beside a folder of predictions: how the engine made them, for whoever scores them later."""

from dataclasses import asdict
from pathlib import Path

import msgspec

from ocr_engine.evaluation.report import write_json
from ocr_engine.evaluation.request import MadePredictions, Run
from ocr_engine.log import logger, printable

PREDICTIONS = "predictions"
NAME = "made.json"
CACHE_NAME = "scores.cache"


def write(folder: Path, made: MadePredictions) -> None:
    """Write it into the folder of a run. Raises OutputError."""
    write_json(folder / NAME, asdict(made))


def run_of(label: str, folder: Path) -> Run:
    """The run whose predictions are in `folder/predictions`; its `made` is None where it cannot be read."""
    return Run(label, folder / PREDICTIONS, _read(folder / NAME), folder / CACHE_NAME)


def is_run(predictions: Path) -> bool:
    """Whether this is the folder of predictions of a run of ours."""
    return predictions.name == PREDICTIONS and (predictions.parent / NAME).is_file()


def _read(path: Path) -> MadePredictions | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=MadePredictions)
    except (OSError, msgspec.MsgspecError) as error:
        reason = " ".join(str(error).split())
        logger.warning("%s: tokens and speed are unknown (%s)", printable(str(path)), printable(reason))
        return None
