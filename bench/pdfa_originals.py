"""How many PDFs stay what they are as PDF/A, and why the others become pictures.

python -m bench.pdfa_originals FOLDER
"""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path, PurePosixPath

from ocr_engine.errors import DocumentError
from ocr_engine.outputs.exports import original_pdfa
from ocr_engine.outputs.exports.document import SourceDocument


def main(arguments: list[str]) -> None:
    """A line a PDF with its seconds, then how many stay."""
    kept: Counter[bool] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for source in sorted(Path(arguments[0]).rglob("*.pdf")):
            start = time.monotonic()
            reason = _reason(source, Path(folder))
            kept[not reason] += 1
            sys.stdout.write(f"{time.monotonic() - start:5.1f} s  {source.name}: {reason or 'stays'}\n")
    sys.stdout.write(f"{kept[True]} of {kept.total()} stay\n")


def _reason(source: Path, folder: Path) -> str:
    """Why a PDF becomes pictures; "" where it does not."""
    nothing_read = SourceDocument(folder, PurePosixPath("none"), "", "", lambda _: ())
    try:
        original_pdfa.write(nothing_read, source, folder / "made.pdf")
    except DocumentError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    main(sys.argv[1:])
