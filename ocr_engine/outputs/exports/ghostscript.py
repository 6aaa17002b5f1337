"""A PDF as PDF/A-2b, made by Ghostscript where it is installed: fonts embedded, colours RGB.

The program is confined: no network, no files but the one it is given, time, memory and size are bounded.
"""

import re
import shutil
import tempfile
from pathlib import Path

from ocr_engine.errors import DocumentError, OutputError
from ocr_engine.outputs import pdfa
from ocr_engine.processes.confined import Bounds, Confined, Ended, TookTooLongError

HOW_TO_INSTALL = "apt install ghostscript"
BASE_TIMEOUT_S, PAGE_TIMEOUT_S = 60.0, 1.0
"""Half of what the whole export may take (`conversion/export_workers`): pictures take the other half."""
MEMORY_MB, FILE_MB = 1_500, 1_000
_WORDS = 200
_NOISE = re.compile(r"^ *\*{4}.*$", re.MULTILINE)
_GAVE_UP = re.compile(r"([^:.!]*),\s*reverting to normal PDF output")
_OPTIONS = (
    "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-dNOPROMPT", "-dNOPLATFONTS", "-sDEVICE=pdfwrite",
    "-dPDFA=2", "-dPDFACompatibilityPolicy=1", "-dCompatibilityLevel=1.7", "-sColorConversionStrategy=RGB",
    # The PDF interpreter that is new in 10.0 garbles text up to 10.02; later versions have no other.
    "-dNEWPDF=false",
    # Pages stay as they stand, and pictures lose nothing.
    "-dAutoRotatePages=/None",
    "-dAutoFilterColorImages=false", "-dColorImageFilter=/FlateEncode", "-dDownsampleColorImages=false",
    "-dAutoFilterGrayImages=false", "-dGrayImageFilter=/FlateEncode", "-dDownsampleGrayImages=false",
    "-dDownsampleMonoImages=false",
)  # fmt: skip


def program() -> str:
    """The path of Ghostscript; "" where it is not installed."""
    return shutil.which("gs") or ""


def require() -> None:
    """Raises OutputError where Ghostscript is not there."""
    if not program():
        raise OutputError(
            "output.searchable_pdfa: PDF/A of originals needs Ghostscript, which is not installed;"
            f" {HOW_TO_INSTALL}, or set output.searchable_kind: picture"
        )


def make_pdfa(source: Path, made: Path, pages: int) -> None:
    """Write the PDF at `source` as PDF/A to `made`.

    Raises:
        DocumentError: the program is not there, or could not do it, and why.
        OSError: a file cannot be written.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "intent.ps").write_text(_intent(), encoding="ascii")
        shutil.copyfile(source, folder / "source.pdf")
        command = [program() or "gs", *_OPTIONS, "-sOutputFile=made.pdf", "intent.ps", "source.pdf"]
        _check(_run(command, folder, pages), folder / "made.pdf")
        shutil.copyfile(folder / "made.pdf", made)


def _run(command: list[str], folder: Path, pages: int) -> Ended:
    bounds = Bounds(BASE_TIMEOUT_S + pages * PAGE_TIMEOUT_S, MEMORY_MB, FILE_MB)
    try:
        return Confined(command, folder, bounds, {"LC_ALL": "C.UTF-8"}).wait()
    except TookTooLongError as error:
        raise DocumentError(f"Ghostscript {error}") from None


def _check(ended: Ended, made: Path) -> None:
    said = " ".join(_NOISE.sub("", ended.said).split())
    if ended.signal == "SIGXFSZ":
        raise DocumentError(f"Ghostscript makes more than {FILE_MB:,} MB of it")
    if ended.signal:
        raise DocumentError(f"Ghostscript was killed by {ended.signal}")
    if ended.code or not made.is_file() or made.is_symlink():
        raise DocumentError(
            f"Ghostscript ended with exit code {ended.code}{': ' if said else ''}{said[-_WORDS:]}"
        )
    if why := _GAVE_UP.search(said):
        raise DocumentError(f"Ghostscript makes no PDF/A of it: {why[1].strip()}")


def _intent() -> str:
    """PostScript that adds what the colours mean; read before the PDF."""
    return f"""%!
[ /_objdef {{colours}} /type /stream /OBJ pdfmark
[ {{colours}} << /N 3 >> /PUT pdfmark
[ {{colours}} <{pdfa.srgb().hex()}> /PUT pdfmark
[ /_objdef {{intent}} /type /dict /OBJ pdfmark
[ {{intent}} << {pdfa.INTENT} /DestOutputProfile {{colours}} >> /PUT pdfmark
[ {{Catalog}} << /OutputIntents [ {{intent}} ] >> /PUT pdfmark
"""
