"""`python -m fuzz TARGET [--folder DIR] [libFuzzer's options]`: run a target until it is stopped.

A finding does not end the run: its input goes to `DIR/TARGET/findings/` with the traceback beside it, one for
each kind (the place in the code, and what an assertion says before a `|`), and the last lines count them.
"""

import argparse
import hashlib
import importlib
import logging
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from fuzz import seeds

TARGETS = ("sanitizer", "grounding", "tables", "journal", "server")
MAX_LEN = 4096
SLOW_S = 2.0
"""Processor time that an input of `MAX_LEN` bytes may take; what is linear takes milliseconds."""


class Findings:
    """Calls `check` and keeps what it raises: the shortest input of each kind."""

    def __init__(self, check: Callable[[bytes], None], folder: Path) -> None:
        self._check, self._folder = check, folder
        self.kinds: Counter[str] = Counter()
        self._shortest: dict[str, int] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, data: bytes) -> None:
        """One input."""
        started = time.process_time()
        try:
            self._check(data)
        except Exception as error:  # noqa: BLE001 - each is a finding
            last = traceback.extract_tb(error.__traceback__)[-1]
            what = str(error).partition("|")[0][:80] if isinstance(error, AssertionError) else ""
            self._keep(f"{type(error).__name__} {Path(last.filename).name}:{last.lineno} {what}", data)
        if (took_s := time.process_time() - started) > SLOW_S:
            self._keep("slow", data, f"{took_s:.1f} s for {len(data)} bytes")

    def _keep(self, kind: str, data: bytes, words: str = "") -> None:
        self.kinds[kind] += 1
        if len(data) >= self._shortest.get(kind, MAX_LEN + 1):
            return
        self._shortest[kind] = len(data)
        stem = self._folder / hashlib.sha256(kind.encode()).hexdigest()[:12]
        stem.write_bytes(data)
        stem.with_suffix(".txt").write_text(f"{kind}\n{words}\n{data!r}\n\n{traceback.format_exc()}")
        print(f"FINDING {kind} {words} {data[:200]!r}", flush=True)


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris

    logging.disable(logging.WARNING)
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "ocr-fuzz")
    args, options = parser.parse_known_args()
    folder = args.folder / args.target
    corpus = folder / "corpus"
    words = seeds.write(args.target, corpus, MAX_LEN)
    dictionary = folder / "words.dict"
    dictionary.write_text(seeds.dictionary(words))
    # Not the hook "RegEx" of atheris 3.0: its patterns know no `match(text, start)`.
    atheris.enabled_hooks.add("str")
    with atheris.instrument_imports(include=["ocr_engine"]):
        check = importlib.import_module(f"fuzz.{args.target}").check
    findings = Findings(check, folder / "findings")
    limits = [f"-max_len={MAX_LEN}", "-timeout=300", "-report_slow_units=300", "-rss_limit_mb=4096"]
    defaults = [*limits, "-print_final_stats=1", "-use_value_profile=1", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *defaults, f"-dict={dictionary}", *options, str(corpus)], findings)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
