"""`batch_pdf.py` and `batch_images.py`: arguments in, exit code out. What a run takes is loaded only then."""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from ocr_engine.cli.arguments import IMAGES, PDF, Entry, parser
from ocr_engine.config import default_file
from ocr_engine.errors import ExitCode
from ocr_engine.log import say

CONFIG_HELP = (
    "Print config.yaml, in which every key stands with its default: deepseek-ocr config > config.yaml"
)


def batch_pdf(argv: Sequence[str] | None = None) -> int:
    """Entry of `batch_pdf.py`; returns the exit code."""
    return _main(PDF, argv)


def batch_images(argv: Sequence[str] | None = None) -> int:
    """Entry of `batch_images.py`; returns the exit code."""
    return _main(IMAGES, argv)


def print_config(argv: Sequence[str] | None = None) -> int:
    """Print the config file that every key is explained in; returns the exit code."""
    ArgumentParser("deepseek-ocr config", description=CONFIG_HELP).parse_args(argv)
    sys.stdout.write(default_file().read_text(encoding="utf-8"))
    return int(ExitCode.OK)


def _main(entry: Entry, argv: Sequence[str] | None) -> int:
    args = parser(entry).parse_args(argv)
    try:
        # Not above: --help and a mistyped option should not wait for it.
        from ocr_engine.cli import run
    except KeyboardInterrupt:
        say(f"{entry.script}: stopped before it began")
        return int(ExitCode.INTERRUPTED)
    return int(run.main(entry, args))
