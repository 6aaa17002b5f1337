"""Several readings of one corpus by one engine: with drafts or without, in other modes, few pages at once."""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

from ocr_engine.config import Config
from ocr_engine.families import MODES

KINDS = ("plain", "layer", "stored", "scan")
"""Drafts: none; of the text layer, which is wrong; of the first plain reading's raw text with errors, and
with so many that they give what scans have, 1.8 tokens a step.
"""
_WAVES = 4
"""A reading with few pages in flight takes so many times as many, in whole documents."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One of them. `mode` "" is the run's own, `in_flight` 0 what fills the engine."""

    kind: str
    mode: str = ""
    in_flight: int = 0

    def __str__(self) -> str:
        """As it was written."""
        mode = f"{self.mode}:" if self.mode else ""
        return f"{mode}{self.kind}" + (f"@{self.in_flight}" if self.in_flight else "")

    def config(self, usual: Config) -> Config:
        """The run's config, so."""
        engine = replace(usual.engine, in_flight=self.in_flight or usual.engine.in_flight)
        return replace(usual, mode=self.mode or usual.mode, engine=engine)

    def documents(self, found: list[Path], pages_a_document: int) -> list[Path]:
        """Those of the corpus that are read."""
        return found[: -(-_WAVES * self.in_flight // pages_a_document)] if self.in_flight else found


def parsed(text: str) -> Reading:
    """`base:stored@16` and the like.

    Raises:
        argparse.ArgumentTypeError: no such kind or mode, or no number of pages.
    """
    mode, colon, rest = text.rpartition(":")
    kind, at, number = rest.partition("@")
    if kind not in KINDS or (colon and mode not in MODES) or (at and not (number.isdigit() and int(number))):
        raise argparse.ArgumentTypeError(f"{text}: is none of {', '.join(KINDS)}, as in base:stored@16")
    return Reading(kind, mode, int(number or 0))
