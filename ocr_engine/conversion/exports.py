"""What is made of finished documents at the end of a run: review pages, HTML, PDF, JSON lines, Parquet, zip.

Each export remembers what it was made of, so that a rerun makes only what changed. Exports of one document
run in worker processes with a clock and a memory limit: their input is what strangers wrote.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

from ocr_engine import __version__
from ocr_engine.config import Config, fingerprint
from ocr_engine.conversion.export_workers import ExportJob, Stopping, in_workers
from ocr_engine.conversion.healing import heal_all
from ocr_engine.conversion.originals import original_of
from ocr_engine.errors import OutputError
from ocr_engine.formats import EXPORTS, REVIEW, Export, MadeOf, exports_of
from ocr_engine.log import logger, printable
from ocr_engine.outputs.checksums import Checksums
from ocr_engine.outputs.exports import ghostscript
from ocr_engine.outputs.exports.document import SourceDocument
from ocr_engine.outputs.exports.stamps import Stamps
from ocr_engine.outputs.files import output_errors
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.links import folders_without_links
from ocr_engine.reading.texts import block_texts_of, leveled, page_joiner
from ocr_engine.records import Fingerprint, JournalRow
from ocr_engine.text.outline import outline_of

VERSION = 6
"""Counts up when an export of the same document becomes another file."""
_KEY_BYTES = 16
_ORIGINAL = "output.searchable_kind"
"""An export with this key may be made of the file that was read."""


@dataclass(slots=True)
class _Finished:
    """A document of the journal: where it is, and a hash of its pages' last rows in whatever order."""

    given: str
    folder: str
    pages: int = 0
    last_page: int = 0
    hash: int = 0
    _content: str = ""
    _contents: int = 0
    _several: bool = False

    def add(self, row: JournalRow) -> None:
        # What was read; how it is written is the salt's part, so that a key for pictures outdates no text.
        read = Fingerprint.parse(row.fingerprint).read
        facts = "\0".join((str(row.page), row.status.value, row.reason, read, str(row.attempts)))
        digest = hashlib.blake2b(facts.encode("utf-8", "surrogateescape"), digest_size=_KEY_BYTES).digest()
        self.hash = (self.hash + int.from_bytes(digest)) % (1 << (8 * _KEY_BYTES))
        self.pages += 1
        self.last_page = max(self.last_page, row.page or 0)
        self._note(row.page or 0, str(row.extra.get("content_id", "")))

    def _note(self, page: int, content_id: str) -> None:
        """Pages of a folder are of other bytes each: the document's id is then a hash of all."""
        if not content_id:
            return
        one = hashlib.blake2b(f"{page}\0{content_id}".encode(), digest_size=_KEY_BYTES).digest()
        self._contents = (self._contents + int.from_bytes(one)) % (1 << (8 * _KEY_BYTES))
        self._several = self._several or self._content not in ("", content_id)
        self._content = content_id

    @property
    def content_id(self) -> str:
        """Names the bytes that its pages were read from."""
        return f"{self._contents:032x}" if self._several else self._content

    @property
    def key(self) -> str:
        """Equal exactly when an export of the document would be equal."""
        return f"{VERSION}-{__version__}-{self.hash:x}-{self.pages}-{self.content_id}"


@dataclass(slots=True)
class ExportResult:
    """What a call of `export` did."""

    written: int = 0
    unchanged: int = 0
    problems: list[str] = field(default_factory=list)


def check(config: Config) -> None:
    """Say before a run what would stop its exports after it. Raises OutputError."""
    for one in config.output.exports:
        if one.require:
            one.function(one.require)()
    if makes_pdfa_of_originals(config):
        ghostscript.require()


def makes_pdfa_of_originals(config: Config) -> bool:
    """Whether searchable PDFs are to be what Ghostscript makes of the sources."""
    output = config.output
    may = any(_ORIGINAL in one.options for one in output.exports)
    return may and output.searchable_pdfa and output.searchable_kind == "original"


def make(root: Path, journal: Journal, config: Config, stopping: Stopping) -> None:
    """Make all exports that are wanted, and say so. Raises OutputError where one could not be made."""
    made = export(root, journal, config, stopping)
    if made.written or made.unchanged:
        logger.info("exports: %s written, %s unchanged", f"{made.written:,}", f"{made.unchanged:,}")
    if made.problems:
        count, first = f"{len(made.problems):,}", made.problems[0]
        raise OutputError(f"{count} exports failed, the first: {first}; run the same command again")


def export(root: Path, journal: Journal, config: Config, stopping: Stopping) -> ExportResult:
    """Make the exports that are switched on and not there yet; take away others that are out of date.

    An export of one document that cannot be made is a line in the log and in the result.
    Raises OutputError where one of the whole run cannot be written.
    """
    made = ExportResult()
    checksums = Checksums(root)
    stamps = Stamps(root, checksums)
    try:
        claims = folders_without_links(root, journal.claims())
        if config.output.exports:
            # Documents that this run was not given may lack records: no export loses a page for that.
            heal_all(root, journal, config.output.layout, claims, checksums)
        found = _found(journal, claims)
        salt = fingerprint(config, ("output.figures", "output.layout", "text", "text_layer"))
        _remove_outdated(root, config, found, stamps, salt)
        if not config.output.exports:
            return made
        _export_documents(root, config, found, stamps, salt, made, stopping)
        if not stopping():
            _export_run(root, config, found, stamps, salt, made)
    finally:
        stamps.close()
        checksums.close()
    return made


def _found(journal: Journal, claims: Mapping[str, str]) -> list[_Finished]:
    """The documents whose folder is there, in the order of their folders."""
    folders = {given: folder for folder, given in claims.items()}
    found: dict[str, _Finished] = {}
    for row in journal.latest_rows():
        folder = folders.get(row.document)
        if row.page is not None and folder is not None:
            found.setdefault(row.document, _Finished(row.document, folder)).add(row)
    return sorted(found.values(), key=lambda item: item.folder)


def _source(root: Path, config: Config, found: _Finished) -> SourceDocument:
    texts = partial(block_texts_of, config)
    folder, join = PurePosixPath(found.folder), page_joiner(config)
    outline, levels = partial(outline_of, options=config.text), partial(leveled, config)
    found_facts = (found.given, found.content_id, texts, join, found.last_page, outline, levels)
    size, is_pdfa = config.output.chunk_tokens, config.output.searchable_pdfa
    return SourceDocument(root, folder, *found_facts, chunk_tokens=size, is_pdfa=is_pdfa)


def _target(root: Path, folder: str, one: Export) -> Path:
    return root / folder / one.target.format(name=PurePosixPath(folder).name)


def _remove_outdated(
    root: Path, config: Config, found: Sequence[_Finished], stamps: Stamps, salt: str
) -> None:
    """An export that is switched off and no longer true would pass for true."""
    for item, key in [*((item, item.key) for item in found), (_Finished("", ""), _run_key(found))]:
        for one in EXPORTS.values():
            if bool(item.folder) != (one.made_of is MadeOf.DOCUMENT) or one in config.output.exports:
                continue
            stamp = stamps.get(item.folder, one.key)
            if stamp and not stamp.startswith(f"{key}-{salt}"):
                target = _target(root, item.folder, one)
                _remove(one, target, item.last_page)
                stamps.put(item.folder, one.key, "", target)


def _remove(one: Export, path: Path, last_page: int) -> None:
    """Take away the files of an export, by their names: whatever else is there stays."""
    with output_errors(path):
        if one.remove and path.is_dir():
            one.function(one.remove)(path, last_page)
        elif not one.remove and not path.is_dir():
            path.unlink(missing_ok=True)


def _export_documents(
    root: Path,
    config: Config,
    found: Sequence[_Finished],
    stamps: Stamps,
    salt: str,
    made: ExportResult,
    stopping: Stopping,
) -> None:
    wanted = [one for one in exports_of(MadeOf.DOCUMENT) if one in config.output.exports]
    wants_original = config.output.searchable_kind == "original"
    todo: list[ExportJob] = []
    for item in found:
        for one in wanted:
            target = _target(root, item.folder, one)
            if stamps.is_current(item.folder, one.key, f"{item.key}-{_salt(config, one, salt)}", target):
                made.unchanged += 1
            else:
                source = _source(root, config, item)
                if wants_original and _ORIGINAL in one.options:
                    source = replace(
                        source, original=partial(original_of, item.given, item.content_id, config.input)
                    )
                todo.append(ExportJob(item.given, item.folder, item.key, item.pages, one, source, target))
    if todo:
        logger.info("exporting: %s files or folders", f"{len(todo):,}")
    for job, problem, notes in in_workers(config, todo, stopping):
        for note in notes:
            logger.warning("%s: output.%s: %s", printable(job.given), job.export.key, note)
        if problem:
            made.problems.append(f"{printable(job.given)}: output.{job.export.key}: {problem}")
            logger.warning(made.problems[-1])
        else:
            made.written += 1
            key = f"{job.key}-{_salt(config, job.export, salt)}"
            stamps.put(job.folder, job.export.key, key, job.target)


def _export_run(
    root: Path, config: Config, found: Sequence[_Finished], stamps: Stamps, salt: str, made: ExportResult
) -> None:
    key = f"{_run_key(found)}-{salt}"
    wanted = config.output.exports
    chunks = f"{config.output.chunk_tokens}-{REVIEW in wanted}"  # how long they are, whether they have links
    for one in exports_of(MadeOf.RUN):
        if one in wanted:
            sources = (_source(root, config, item) for item in found)
            _once(stamps, one, root, f"{key}-{chunks}" if one.of_chunks else key, made, sources)
    folders = [root / item.folder for item in found]
    key = f"{key}-{chunks}-{','.join(one.key for one in wanted)}"
    for one in exports_of(MadeOf.FILES):
        if one in wanted:
            _once(stamps, one, root, key, made, root, folders)


def _once(stamps: Stamps, one: Export, root: Path, key: str, made: ExportResult, *sources: object) -> None:
    path = root / one.target
    if stamps.is_current("", one.key, key, path):
        made.unchanged += 1
        return
    one.function(one.write)(*sources, path)
    made.written += 1
    stamps.put("", one.key, key, path)


def _run_key(found: Sequence[_Finished]) -> str:
    digest = hashlib.blake2b(digest_size=_KEY_BYTES)
    for item in found:
        digest.update(f"{item.folder}\0{item.given}\0{item.key}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _salt(config: Config, one: Export, salt: str) -> str:
    return f"{salt}-{fingerprint(config, one.options)}" if one.options else salt
