"""Facts of the DeepSeek-OCR models: modes, prompts, special tokens, box scale. Numbers and strings only.

Sources: the official `config.py` and `process/image_process.py` of DeepSeek-OCR and DeepSeek-OCR-2.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ocr_engine.errors import UsageError

PATCH_SIZE_PX = 16
DOWNSAMPLE = 4
BOX_SCALE = 999
"""Boxes are integers 0..999; `pixel = int(value / 999 * size)` on the rendered page, not the padded view."""
PAD_COLOR = (127, 127, 127)
"""Grey around the page in the global view: `int(0.5 * 255)`."""
UNTILED_MAX_PX = 640
"""A page no larger than this on both sides gets no tiles, whatever the tile size (official literal)."""

FAMILIES = ("deepseek-ocr", "deepseek-ocr-2")


@dataclass(frozen=True, slots=True)
class Mode:
    """One resolution mode of the model.

    `stretch` modes resize the page to the view without keeping its aspect (official Tiny and Small);
    the others pad it. `crop` modes add tiles of the stretched page beside the global view.
    """

    name: str
    base_size_px: int
    tile_size_px: int
    crop: bool = False
    stretch: bool = False
    min_tiles: int = 2
    max_tiles: int = 6

    @property
    def base_queries(self) -> int:
        """Visual tokens along one side of the global view."""
        return queries(self.base_size_px)

    @property
    def tile_queries(self) -> int:
        """Visual tokens along one side of a tile."""
        return queries(self.tile_size_px)


def queries(size_px: int) -> int:
    """Visual tokens along one side of a square view of `size_px` pixels (patch 16, then 4 to 1)."""
    return -(-(size_px // PATCH_SIZE_PX) // DOWNSAMPLE)


def view_tokens(base_size_px: int, tile_size_px: int, columns: int, rows: int) -> int:
    """Visual tokens of a page: each row of queries ends in a newline token, one separator ends the page.

    `columns` x `rows` tiles of `tile_size_px`; 1 x 1 means no tiles (official `image_process.py`).
    """
    side, tile_side = queries(base_size_px), queries(tile_size_px)
    tiled = columns * rows > 1
    return side * (side + 1) + (rows * tile_side * (columns * tile_side + 1) if tiled else 0) + 1


MODES: Mapping[str, Mode] = MappingProxyType(
    {
        "tiny": Mode("tiny", 512, 512, stretch=True),
        "small": Mode("small", 640, 640, stretch=True),
        "base": Mode("base", 1024, 1024),
        "large": Mode("large", 1280, 1280),
        "gundam": Mode("gundam", 1024, 640, crop=True),
        "gundam-m": Mode("gundam-m", 1280, 1024, crop=True),
    }
)
MAX_TILES_LIMIT = 9
"""The Hugging Face code allows 9 tiles, the vLLM scripts 6; more was never trained."""


def resolve_mode(mode: "Mode | str", max_tiles: int | None = None) -> Mode:
    """The mode of that name, with its tile limit replaced where `max_tiles` is given.

    Raises:
        UsageError: the name is unknown.
    """
    if isinstance(mode, str):
        if mode not in MODES:
            raise UsageError(f"mode {mode!r}: unknown (one of: {', '.join(MODES)})")
        mode = MODES[mode]
    return mode if max_tiles is None else replace(mode, max_tiles=max_tiles)


PROMPTS: Mapping[str, str] = MappingProxyType(
    {
        "markdown": "<image>\n<|grounding|>Convert the document to markdown.",
        "ocr": "<image>\n<|grounding|>OCR this image.",
        "free": "<image>\nFree OCR.",
        "figure": "<image>\nParse the figure.",
        "describe": "<image>\nDescribe this image in detail.",
        "locate": "<image>\nLocate <|ref|>xxxx<|/ref|> in the image.",
    }
)
LOCATE_SLOT = "xxxx"
"""Where the text to find stands in the official `locate` prompt."""

OFFICIAL_PAGE_SPLIT = "\n\n<--- Page Split --->\n"
"""What the official PDF script writes after every page, the last one included."""


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """The strings with a meaning of their own in prompts and output. Ids differ between checkpoints."""

    bos: str = "<｜begin▁of▁sentence｜>"
    eos: str = "<｜end▁of▁sentence｜>"
    image: str = "<image>"
    ref_open: str = "<|ref|>"
    ref_close: str = "<|/ref|>"
    det_open: str = "<|det|>"
    det_close: str = "<|/det|>"
    grounding: str = "<|grounding|>"
    td_open: str = "<td>"
    td_close: str = "</td>"


TOKENS = SpecialTokens()
NGRAM_WHITELIST = (TOKENS.td_open, TOKENS.td_close)
"""Tokens the n-gram guard never bans: rows of equal table cells are legitimate (official scripts)."""


def token_ids(vocabulary: Mapping[str, int], tokens: tuple[str, ...]) -> tuple[int, ...]:
    """The ids of `tokens` in a tokenizer's vocabulary.

    Raises:
        UsageError: a token is not a single entry of the vocabulary, so this is no DeepSeek-OCR tokenizer.
    """
    missing = [token for token in tokens if token not in vocabulary]
    if missing:
        raise UsageError(
            f"tokenizer: {', '.join(missing)} missing: not a DeepSeek-OCR tokenizer; check engine.model"
        )
    return tuple(vocabulary[token] for token in tokens)
