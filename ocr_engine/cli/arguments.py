"""The command lines' arguments: options in, config out; what to do again; the command that repeats it."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from ocr_engine import __version__
from ocr_engine.config import Config
from ocr_engine.config import options as config_options
from ocr_engine.config.suggestions import closest
from ocr_engine.conversion.planning import Redo
from ocr_engine.errors import UsageError
from ocr_engine.families import FAMILIES, OCR, PROMPTS
from ocr_engine.outputs.retry import Command
from ocr_engine.pages.page_ranges import validate_page_ranges
from ocr_engine.records import DocumentKind, PageStatus


@dataclass(frozen=True, slots=True)
class Entry:
    """One of the entry scripts: its name, what it reads, and its words for --help."""

    script: str
    kind: DocumentKind
    description: str
    example: str

    def kinds(self, config: Config) -> set[DocumentKind]:
        """All that it reads with this config."""
        takes_office = self.kind is DocumentKind.PDF and config.input.office == "auto"
        return {self.kind, DocumentKind.OFFICE} if takes_office else {self.kind}


PDF = Entry(
    "batch_pdf.py",
    DocumentKind.PDF,
    "Convert PDFs to markdown: a file for each page, a merged file for each document, and the figures.\n"
    "Also reads office files, e-books, web pages and e-mails where LibreOffice is installed [input.office].",
    "python batch_pdf.py papers/ --output out --pages 1-3 --mode base",
)
IMAGES = Entry(
    "batch_images.py",
    DocumentKind.IMAGE,
    "Convert images to markdown; a TIFF with several pages is one document, an animation its first frame.\n"
    "--set input.image_folders=documents: each folder of images is one document.",
    'python batch_images.py scans/ --prompt locate --find "Total"',
)


class _Parser(argparse.ArgumentParser):
    """Says which option a misspelt one may be."""

    def error(self, message: str) -> NoReturn:
        unknown = message.partition("unrecognized arguments: ")[2].partition(" ")[0]
        meant = closest(unknown, self._option_string_actions) if unknown.startswith("--") else None
        super().error(f"{message} (did you mean {meant}?)" if meant else message)


def parser(entry: Entry) -> argparse.ArgumentParser:
    """All options of an entry script."""
    made = _Parser(
        prog=entry.script,
        usage="%(prog)s [INPUT ...] [OPTIONS]",
        description=entry.description,
        epilog=f"Example: {entry.example}\n"
        "In brackets: the key of config.yaml. The same command goes on where a run ended.\n"
        "Exit codes: 0 all done, 2 wrong arguments or config, 3 no input"
        " could be read, 4 the engine did not start or\n"
        "kept crashing, 5 done, but pages failed, 6 a limit of `limits` was"
        " reached, 130 stopped by Ctrl-C or a signal.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    _add_files(made)
    _add_reading(made, entry.kind)
    _add_again(made)
    _add_further(made)
    return made


def _add_files(made: argparse.ArgumentParser) -> None:
    add = made.add_argument_group("files").add_argument
    add(
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="files, folders, patterns such as '*.pdf', URLs, or - for a list on stdin [input.path]",
    )
    add("--output", metavar="DIR", help="folder or URL for the results [output.path]")
    add("--pages", metavar="RANGES", help="only these pages, such as 1-3,7,-1 (-1 is the last) [input.pages]")
    add("--max-pages", type=int, metavar="N", help="read at most N pages of each document [input.max_pages]")


def _add_reading(made: argparse.ArgumentParser, kind: DocumentKind) -> None:
    add = made.add_argument_group("how pages are read").add_argument
    add(
        "--model",
        metavar="MODEL",
        help="auto, nano, a folder or an id on the Hugging Face hub [engine.model]",
    )
    add("--mode", metavar="MODE", help=f"{_modes()}; auto: the cheapest that keeps the page's text [mode]")
    add("--prompt", metavar="NAME", help=f"{', '.join(PROMPTS)} [prompt]")
    add(
        "--find",
        metavar="TEXT",
        help="find TEXT on the page and draw its place; implies --prompt locate [find]",
    )
    if kind is DocumentKind.IMAGE:
        add(
            "--stream",
            action="store_true",
            help="show the text while it is read; images are always read again",
        )
        add("--raw", action="store_true", help="with --stream: show the model's raw text, with its tags")


def _modes() -> str:
    """The modes of every family, those of DeepSeek-OCR without its name."""
    names = {
        name: name.removeprefix("deepseek-").replace("ocr", "OCR").replace("unlimited", "Unlimited")
        for name in FAMILIES
    }
    others = (f"; {names[one.name]}: {', '.join(one.modes)}" for one in FAMILIES.values() if one.name != OCR)
    return ", ".join(FAMILIES[OCR].modes) + "".join(others)


def _add_again(made: argparse.ArgumentParser) -> None:
    add = made.add_argument_group("running again").add_argument
    add_retry(add)
    add("--force", action="store_true", help="read all pages again")
    add("--dry-run", action="store_true", help="show what would be done, and do nothing")


def add_retry(add: Callable[..., argparse.Action]) -> None:
    """Add `--retry`; `add` is `add_argument` of a parser or of a group."""
    endings = ", ".join(PageStatus.to_retry())
    add("--retry", metavar="STATUS,...", help=f"read pages with these statuses again: {endings}")


def _add_further(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("further")
    add = group.add_argument
    config_options.add_options(add)
    loudness = group.add_mutually_exclusive_group()
    loudness.add_argument("--quiet", action="store_true", help="show errors only, no progress")
    loudness.add_argument("--verbose", action="store_true", help="show more messages")
    add("--version", action="version", version=__version__, help="show the version")
    add("-h", "--help", action="help", help="show this help")


def load_config(args: argparse.Namespace) -> Config:
    """The config of a conversion: the file's, then the options. Raises UsageError."""
    options = {
        "input.path": args.inputs or None,
        "input.pages": args.pages,
        "input.max_pages": args.max_pages,
        "output.path": args.output,
        "mode": args.mode,
        "prompt": args.prompt or ("locate" if args.find is not None else None),
        "find": args.find,
        "engine.model": args.model,
    }
    config = config_options.load_given(args, options)
    validate_page_ranges(config.input.pages)
    return config


def inputs_of(config: Config) -> list[str]:
    """What is to be read, as the user named it. Raises UsageError where nothing is."""
    paths = config.input.path
    given = [paths] if isinstance(paths, str) else list(paths)
    if not any(given):
        raise UsageError("nothing to read: give an INPUT or set input.path in config.yaml")
    return given


def redo_of(retry: str | None, *, everything: bool = False) -> Redo:
    """What `--retry STATUS,...` and `--force` ask for. Raises UsageError for an unknown status."""
    names = [name.strip() for name in (retry or "").split(",") if name.strip()]
    known = [status.value for status in PageStatus]
    for name in names:
        if name not in known:
            raise UsageError(f"--retry {name}: unknown status (one of: {', '.join(known)})")
    return Redo(everything, frozenset(PageStatus(name) for name in names))


def command_of(entry: Entry, args: argparse.Namespace, inputs: Sequence[str], output: str) -> Command:
    """What a rerun has to be told to mean the same."""
    names = ("config", "mode", "prompt", "find", "model")
    options = [word for name in names for word in _option(args, name)]
    for text in args.set:
        # A report is shown around: whoever reruns knows the password, and where the webhook is.
        if "webhook" not in text:
            options += ["--set", "input.password=PASSWORD" if "password" in text else text]
    selection = [*_option(args, "pages"), *_option(args, "max_pages")]
    return Command(entry.script, output, tuple(inputs), tuple(options), tuple(selection))


def _option(args: argparse.Namespace, name: str) -> list[str]:
    value = getattr(args, name)
    # With `=`, so that a value such as -1 is not taken for an option.
    return [] if value is None else [f"--{name.replace('_', '-')}={value}"]
