"""Facts of the DeepSeek-OCR models: modes, prompts, special tokens, box scale. Numbers and strings only.

Sources: the official `config.py` and `process/image_process.py` of DeepSeek-OCR and DeepSeek-OCR-2.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ocr_engine.errors import UsageError

OCR, OCR2 = FAMILIES = ("deepseek-ocr", "deepseek-ocr-2")
PATCH_SIZE_PX = 16
DOWNSAMPLE = 4
ENCODER_PX_KEY = "ocr_engine_pixels_encoded_at_once"
"""Where the model in vLLM's process finds, in `additional_config`, how many pixels it may encode at once."""
BOX_SCALE = 999
"""Boxes are integers 0..999; `pixel = int(value / 999 * size)` on the rendered page, not the padded view."""
PAD_COLOR = (127, 127, 127)
"""Grey around the page in the global view: `int(0.5 * 255)`."""
UNTILED_MAX_PX = MappingProxyType({OCR: 640, OCR2: 768})
"""A page no larger than this on both sides gets no tiles, whatever the tile size (official literals)."""


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
    family: str = OCR

    @property
    def untiled_max_px(self) -> int:
        """A page no larger than this on both sides gets no tiles."""
        return UNTILED_MAX_PX[self.family]


def queries(size_px: int) -> int:
    """Visual tokens along one side of a square view of `size_px` pixels (patch 16, then 4 to 1)."""
    return -(-(size_px // PATCH_SIZE_PX) // DOWNSAMPLE)


def view_tokens(base_size_px: int, tile_size_px: int, columns: int, rows: int, family: str = OCR) -> int:
    """Visual tokens of a page: one a query, one separator, and in DeepSeek-OCR one at the end of each row.

    `columns` x `rows` tiles of `tile_size_px`; 1 x 1 means no tiles (official `image_process.py`).
    """
    newline = 1 if family == OCR else 0
    side, tile_side = queries(base_size_px), queries(tile_size_px)
    tiled = columns * rows > 1
    tiles = rows * tile_side * (columns * tile_side + newline) if tiled else 0
    return side * (side + newline) + tiles + 1


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
MODES_OCR2: Mapping[str, Mode] = MappingProxyType(
    {
        "small": Mode("small", 768, 768, stretch=True, family=OCR2),
        "base": Mode("base", 1024, 1024, family=OCR2),
        "gundam": Mode("gundam", 1024, 768, crop=True, family=OCR2),
    }
)
"""DeepSeek-OCR-2 has learned queries for views of 768 and 1024 px alone, so it has no other modes."""
FAMILY_MODES: Mapping[str, Mapping[str, Mode]] = MappingProxyType({OCR: MODES, OCR2: MODES_OCR2})
MAX_TILES_LIMIT = 9
"""The Hugging Face code allows 9 tiles, the vLLM scripts 6; more was never trained."""
MAX_TILES_OCR2 = 6
"""All official code of DeepSeek-OCR-2 stops at 6 tiles."""


def resolve_mode(mode: "Mode | str", max_tiles: int | None = None, family: str = OCR) -> Mode:
    """The mode of that name in a model family, with its tile limit replaced where `max_tiles` is given.

    Raises:
        UsageError: the name is unknown, or the family has no such mode or not so many tiles.
    """
    if isinstance(mode, str):
        mode = _mode_of_family(mode, family)
    if max_tiles is None:
        return mode
    if mode.family == OCR2 and max_tiles > MAX_TILES_OCR2:
        raise UsageError(f"max_tiles: {max_tiles}: {OCR2} was trained with at most {MAX_TILES_OCR2} tiles")
    return replace(mode, max_tiles=max_tiles)


def _mode_of_family(name: str, family: str) -> Mode:
    modes = FAMILY_MODES[family]
    if name in modes:
        return modes[name]
    known = ", ".join(modes)
    if name in MODES:
        sizes = " and ".join(map(str, sorted({mode.tile_size_px for mode in modes.values()})))
        raise UsageError(f"mode {name!r}: {family} knows views of {sizes} px alone (one of: {known})")
    raise UsageError(f"mode {name!r}: unknown (one of: {known})")


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
NGRAM_MAX_SIZE, NGRAM_MAX_WINDOW, NGRAM_MAX_WHITELIST = 256, 1 << 16, 64
"""What the guard takes of a request: its work for a token grows with size times window."""


def _preset(size: int, window: int, layout: str) -> Mapping[str, object]:
    return MappingProxyType(
        {
            "engine.ngram.size": size,
            "engine.ngram.window": window,
            "engine.ngram.whitelist": NGRAM_WHITELIST,
            "render.dpi": 144,
            "quality.loop_abort": False,
            "quality.retries": (),
            "quality.blank_ink": 0.0,
            "output.figures": True,
            "output.layout": layout,
        }
    )


PRESETS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "pdf": _preset(20, 50, "official"),
        "image": _preset(30, 90, "official-image"),
        "image2": _preset(20, 90, "official-image"),
        "eval": _preset(40, 90, "official-eval"),
        "eval2": _preset(40, 90, "official-eval2"),
    }
)
"""Config keys that make a run equal an official script's; 2 is DeepSeek-OCR-2, whose PDF script is equal."""


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
