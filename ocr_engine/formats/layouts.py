"""The layouts: how a page's text, figures and drawings become files while the run goes on."""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

_WRITERS, _TEXTS = "ocr_engine.outputs", "ocr_engine.reading.texts"


class Overlay(Enum):
    """When the page is drawn with the boxes of its blocks."""

    NEVER = auto()
    WANTED = auto()
    """Where the config asks for it and the page has boxes."""
    ALWAYS = auto()
    """Every page, boxes or not."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One layout: its name in the config, its writer, its texts, and what is drawn for it."""

    name: str
    writer: str
    """`module:Class`, a `PageWriter` made of (root, folder, config.output, document name, join_pages)."""
    texts: str
    """`module:function`: (config, record, raw text) -> the `PageTexts` that the writer writes."""
    figures: bool = True
    """Whether figures are cropped."""
    overlay: Overlay = Overlay.WANTED
    cards: bool = False
    """Whether figures that were read get a card: the crop beside what it says."""
    mends: bool = False
    """Whether its text is ours to mend by the page's text layer; else it is the model's own."""
    hidden_records: bool = True
    """Whether `pages.jsonl` and the raw texts are in `.pages/`; else where `tree` has them."""
    exports: bool = False
    """Whether exports are made of it: its pages and figures lie as those of `tree`."""
    folders: tuple[str, ...] = ()
    """Its folders in a document's folder, as regular expressions: no document's folder gets such a name."""
    suffixes: tuple[str, ...] = ()
    """Of its files, as regular expressions: no document's folder ends so."""
    like_inputs: tuple[str, ...] = ()
    """Patterns of files in a document's folder that must not be read as inputs by a later run."""

    def function(self, reference: str) -> Callable[..., Any]:
        """One of the functions that the record names, imported now."""
        found: Callable[..., Any] = pkgutil.resolve_name(reference)
        return found


_ALL = (
    Layout(
        "tree",
        f"{_WRITERS}.writer:DocumentWriter",
        f"{_TEXTS}:tree_texts",
        cards=True,
        mends=True,
        hidden_records=False,
        exports=True,
        folders=("pages", "figures", "layout", "tables"),
        suffixes=("md", "csv", "jpg", "jsonl?"),
    ),
    Layout(
        "page-folders",
        f"{_WRITERS}.page_folder_writer:PageFolderWriter",
        f"{_TEXTS}:image_texts",
        overlay=Overlay.ALWAYS,
        folders=(r"page_\d+",),
        suffixes=("md",),
    ),
    Layout(
        "official",
        f"{_WRITERS}.official_writer:OfficialWriter",
        f"{_TEXTS}:pdf_texts",
        overlay=Overlay.ALWAYS,
        folders=("images",),
        suffixes=("mmd", "pdf"),
        like_inputs=("*_layouts.pdf",),
    ),
    Layout(
        "official-image",
        f"{_WRITERS}.official_page_writer:ImageWriter",
        f"{_TEXTS}:image_texts",
        overlay=Overlay.ALWAYS,
        folders=("pages", "images"),
        suffixes=("mmd", "jpg"),
        like_inputs=("result_with_boxes.jpg", "geo.jpg"),
    ),
    *(
        Layout(
            name,
            f"{_WRITERS}.official_page_writer:EvalWriter",
            f"{_TEXTS}:{texts}",
            figures=False,
            overlay=Overlay.NEVER,
            folders=("pages", "images"),
            suffixes=("md",),
        )
        for name, texts in (("official-eval", "eval_texts"), ("official-eval2", "eval2_texts"))
    ),
)
LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in _ALL}
"""Every layout by its name. The one list to add to."""
