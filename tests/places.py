"""Where things are that many tests read."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples"
NANO = ROOT / "ocr_engine/model/nano"
