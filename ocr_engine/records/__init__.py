"""The records that travel between the stages, one frozen dataclass an arrow, in the order of the flow.

`inputs` (Document -> PageRef) -> `pixels` (PageImage -> PageViews) and `layer` (TextLayer) -> `answers`
(Generation) -> `results` (ParsedText -> PageRecord -> JournalRow). Page indexes are 0-based; 1-based page
numbers exist only in file names, records on disk and messages.

What the main process takes and gives with every page has no slots: frozen dataclasses with slots are pickled
by Python code, others by C alone (`tests/records/test_travelling.py`).
"""

from ocr_engine.records.again import SecondReading, TableReading
from ocr_engine.records.agreement import (
    BlockAgreement,
    BlockDifference,
    Confidence,
    PageAgreement,
    PageConfidence,
)
from ocr_engine.records.answers import (
    FinishReason,
    FurtherPage,
    Generation,
    GenerationRequest,
    Loop,
    TokenScores,
)
from ocr_engine.records.box import Box
from ocr_engine.records.inputs import Bookmark, Document, DocumentKind, OpenedDocument, PageFile, PageRef
from ocr_engine.records.keys import Fingerprint, PageKey, page_stem
from ocr_engine.records.layer import LayerVerdict, TextLayer, WordFlag, no_layer
from ocr_engine.records.pixels import A4, Ink, PageGeometry, PageImage, PageViews, TypeSize
from ocr_engine.records.results import (
    Attempt,
    Block,
    BlockLine,
    FigureText,
    HeadingType,
    JournalRow,
    OutlineEntry,
    PageRecord,
    PageTexts,
    ParsedText,
    TextRepair,
)
from ocr_engine.records.status import PageStatus

__all__ = [
    "SecondReading",
    "TableReading",
    "A4",
    "Attempt",
    "Block",
    "BlockAgreement",
    "BlockDifference",
    "BlockLine",
    "Bookmark",
    "Box",
    "Confidence",
    "Document",
    "DocumentKind",
    "FigureText",
    "Fingerprint",
    "FinishReason",
    "FurtherPage",
    "Generation",
    "GenerationRequest",
    "HeadingType",
    "Ink",
    "JournalRow",
    "LayerVerdict",
    "Loop",
    "OpenedDocument",
    "PageAgreement",
    "PageConfidence",
    "OutlineEntry",
    "PageFile",
    "PageGeometry",
    "PageImage",
    "PageKey",
    "PageRecord",
    "PageRef",
    "PageStatus",
    "PageTexts",
    "PageViews",
    "ParsedText",
    "TextLayer",
    "TextRepair",
    "TokenScores",
    "WordFlag",
    "TypeSize",
    "no_layer",
    "page_stem",
]
