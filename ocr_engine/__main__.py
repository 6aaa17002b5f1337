"""`deepseek-ocr NAME`, or `python -m ocr_engine NAME`: the subcommands, each imported only when asked for."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from ocr_engine.errors import ExitCode
from ocr_engine.start import command

PROGRAM = "deepseek-ocr"


@dataclass(frozen=True, slots=True)
class Subcommand:
    """A function `main(argv) -> exit code` by module and name, and its words in the list."""

    module: str
    function: str
    words: str


SUBCOMMANDS = {
    "pdf": Subcommand("ocr_engine.cli.entries", "batch_pdf", "PDFs to markdown; the same as batch_pdf.py"),
    "images": Subcommand(
        "ocr_engine.cli.entries", "batch_images", "images to markdown; the same as batch_images.py"
    ),
    "merge": Subcommand("ocr_engine.cli.merge", "main", "merge the results of several runs into one"),
    "eval": Subcommand("ocr_engine.benchmark.cli", "main", "score the engine or predictions: eval_batch.py"),
    "plan": Subcommand("ocr_engine.capacity.plan", "main", "predict how long a corpus will take"),
    "doctor": Subcommand("ocr_engine.cli.doctor", "main", "check this machine and show what to fix"),
    "config": Subcommand(
        "ocr_engine.cli.entries", "print_config", "print config.yaml with every key explained"
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the subcommand named first; returns its exit code."""
    name, *rest = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("-h", "--help"):
        sys.stdout.write(usage())
        return int(ExitCode.OK)
    if name not in SUBCOMMANDS:
        sys.stderr.write(f"{PROGRAM}: {name!r}: unknown (one of: {', '.join(SUBCOMMANDS)})\n")
        return int(ExitCode.USAGE)
    found = SUBCOMMANDS[name]
    return int(command(found.module, found.function, PROGRAM)(rest))


def usage() -> str:
    """The table of subcommands."""
    width = max(map(len, SUBCOMMANDS))
    lines = [f"  {name:<{width}}  {command.words}" for name, command in SUBCOMMANDS.items()]
    head = f"usage: {PROGRAM} NAME [OPTIONS]"
    return "\n".join([head, "", *lines, "", f"{PROGRAM} NAME --help says more.", ""])


if __name__ == "__main__":
    raise SystemExit(main())
