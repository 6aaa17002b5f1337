"""`batch_pdf.py` and `batch_images.py`: arguments in, exit code out. What a run takes is loaded only then."""

from collections.abc import Sequence

from ocr_engine.cli.arguments import IMAGES, PDF, Entry, parser


def batch_pdf(argv: Sequence[str] | None = None) -> int:
    """Entry of `batch_pdf.py`; returns the exit code."""
    return _main(PDF, argv)


def batch_images(argv: Sequence[str] | None = None) -> int:
    """Entry of `batch_images.py`; returns the exit code."""
    return _main(IMAGES, argv)


def _main(entry: Entry, argv: Sequence[str] | None) -> int:
    args = parser(entry).parse_args(argv)
    # Not above: --help and a mistyped option should not wait for it.
    from ocr_engine.cli import run

    return int(run.main(entry, args))
