"""Makes every text that a layout writes for a page, from its record and its raw text."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import ocr_engine.text.official as official
from ocr_engine.config import Config
from ocr_engine.config.presets import OFFICIAL_PAGE_SPLIT
from ocr_engine.formats import LAYOUTS
from ocr_engine.outputs.document_folder import JoinPages
from ocr_engine.records import (
    PageRecord,
    PageTexts,
    ParsedText,
)
from ocr_engine.text.cross_page import join_pages
from ocr_engine.text.figure_text import texts_by_name
from ocr_engine.text.footnotes import with_footnotes
from ocr_engine.text.markdown import block_texts, to_markdown
from ocr_engine.text.outline import Levels, by_page, contents_list, outline_of, with_outline
from ocr_engine.text.running_heads import running_heads, with_running_heads
from ocr_engine.text.table_csv import tables_as_csv


def texts_of(config: Config, record: PageRecord, raw: str) -> PageTexts:
    """Every text the chosen layout writes for a page."""
    layout = LAYOUTS[config.output.layout]
    texts: PageTexts = layout.function(layout.texts)(config, record, raw)
    return texts


def tree_texts(config: Config, record: PageRecord, raw: str) -> PageTexts:
    """Markdown as `text:` asks for, tables as CSV where they are wanted."""
    tables = tables_as_csv(record.blocks, config.text.habits) if config.output.tables_csv else ()
    return PageTexts(raw, markdown=markdown_of(config, record), tables=tables)


def pdf_texts(_: Config, record: PageRecord, raw: str) -> PageTexts:
    """What `run_dpsk_ocr_pdf.py` writes for a page, with its page split."""
    return PageTexts(raw, det=official.page_det(raw), mmd=official.page_mmd(raw, record.page - 1))


def image_texts(_: Config, __: PageRecord, raw: str) -> PageTexts:
    """What `run_dpsk_ocr_image.py` writes."""
    return PageTexts(raw, det=raw, mmd=official.image_mmd(raw))


def eval_texts(_: Config, __: PageRecord, raw: str) -> PageTexts:
    """What DeepSeek-OCR's `run_dpsk_ocr_eval_batch.py` writes."""
    return PageTexts(raw, det=raw, mmd=official.eval_md(raw))


def eval2_texts(_: Config, __: PageRecord, raw: str) -> PageTexts:
    """What DeepSeek-OCR-2's `run_dpsk_ocr2_eval_batch.py` writes: `<center>` stays."""
    return PageTexts(raw, det=raw, mmd=official.eval_md(raw, remove_center=False))


def chars_of(texts: PageTexts) -> int:
    """How many characters the page's text has, as its layout writes it."""
    return len(texts.markdown or texts.mmd.removesuffix(OFFICIAL_PAGE_SPLIT))


def markdown_of(config: Config, record: PageRecord) -> str:
    """The page's markdown as `text:` asks for, figures linked as seen from the page's own file."""
    link_prefix = "../figures/" if config.output.figures else None
    figure_texts = texts_by_name(record.figure_texts, config.text)
    return to_markdown(ParsedText(record.blocks), link_prefix, config.text, figure_texts)


def block_texts_of(config: Config, record: PageRecord) -> tuple[str, ...]:
    """The markdown of each of the page's blocks, written like `markdown_of`."""
    link_prefix = "../figures/" if config.output.figures else None
    figure_texts = texts_by_name(record.figure_texts, config.text)
    return block_texts(ParsedText(record.blocks), link_prefix, config.text, figure_texts)


def page_joiner(config: Config) -> JoinPages | None:
    """What makes the pages one document, see `PageJoiner`; None if nothing of it is asked for."""
    text = config.text
    joined = text.merge_tables or text.join_paragraphs or text.contents
    told = text.headings == "document" or text.footnotes == "linked" or text.headers_footers == "drop"
    return PageJoiner(config) if joined or told else None


def leveled(config: Config, records: Iterable[PageRecord]) -> Iterator[PageRecord]:
    """The pages with their headings as `text.headings` asks. Goes through `records` twice."""
    return with_outline(records, _levels(config, records))


def _levels(config: Config, records: Iterable[PageRecord]) -> Levels:
    return by_page(outline_of(records, config.text)) if config.text.headings == "document" else {}


@dataclass(frozen=True, slots=True)
class PageJoiner:
    """Joins what page breaks cut, gives headings their levels, ties footnotes, drops running heads."""

    config: Config

    def __call__(self, records: Iterable[PageRecord]) -> Iterator[tuple[PageRecord, str | None]]:
        """Each page with its text where that is not as in its own file. Goes through `records` twice."""
        levels, tied = _levels(self.config, records), set[int]()
        heads = running_heads(records) if self.config.text.headers_footers == "drop" else {}
        pages = self._tied(with_running_heads(with_outline(records, levels), heads), tied)
        for record, changed in join_pages(pages, self.config.text):
            changed = changed or any(record.page in some for some in (levels, heads, tied))
            tied.discard(record.page)
            yield record, markdown_of(self.config, record) if changed else None

    def _tied(self, records: Iterable[PageRecord], tied: set[int]) -> Iterator[PageRecord]:
        """The pages with their footnotes as `text.footnotes` asks; numbers of changed ones go to `tied`."""
        if self.config.text.footnotes == "as-read":
            yield from records
            return
        for record, changed in with_footnotes(records):
            if changed:
                tied.add(record.page)
            yield record

    def contents(self, records: Iterable[PageRecord]) -> str:
        """The list of contents as markdown, "" where it is not asked for or there are no headings."""
        return contents_list(outline_of(records, self.config.text)) if self.config.text.contents else ""
