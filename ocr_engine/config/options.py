"""The options `--config` and `--set` of every command line, and the config that they give."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ocr_engine.config.loading import find_file, load, parse_override
from ocr_engine.config.schema import Config


def add_options(add: Callable[..., argparse.Action]) -> None:
    """Add both options; `add` is `add_argument` of a parser or of a group."""
    add(
        "--config",
        type=Path,
        metavar="FILE",
        help="config file; default: config.yaml in this folder or beside the script",
    )
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a key of config.yaml for this run; may be given several times",
    )


def overrides(args: argparse.Namespace, options: Mapping[str, Any]) -> dict[str, Any]:
    """The dotted keys that are changed: by `--set`, then by the other options. Raises UsageError.

    An option that was not given is None, and changes nothing.
    """
    given = {key: value for key, value in options.items() if value is not None}
    return dict(parse_override(text) for text in args.set) | given


def load_given(args: argparse.Namespace, options: Mapping[str, Any]) -> Config:
    """Load the config of a command line: the file's, then `overrides`. Raises UsageError."""
    return load(find_file(args.config), overrides(args, options))
