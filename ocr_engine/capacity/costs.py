"""What a page costs in each stage: a table of measured numbers that comes with the package (`costs.json`)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ocr_engine.errors import UsageError
from ocr_engine.families import Mode

TABLE = Path(__file__).with_name("costs.json")
MEMORY_SHARE = 0.85
"""Share of a GPU's memory that the engine takes by default."""
_PROMPT_TOK = 10
_BLOCK_TOK = 16
"""Tokens of a block of the KV cache: the one that a window is leaving is kept, and read, until it is left."""
_LEAST_PAGES = 16


@dataclass(frozen=True, slots=True)
class GpuKind:
    """A kind of GPU. `speed` is relative to the one that was measured; `measured` says whether it was."""

    memory_gb: float
    speed: float
    measured: bool


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds, gigabytes and bytes, as their names say; the key in the file is the name here."""

    about: str
    gpus: dict[str, GpuKind]
    encoder_s_per_mpx: dict[str, float]
    prefill_s_per_tok: float
    decode_s_per_tok: float
    decode_s_per_context_tok: float
    """More of it for each token of the page that is in the KV cache by then."""
    draft_s_per_tok: float
    """Of a token that is proposed and verified, whether accepted or not."""
    drafts_a_step: float
    tokens_a_step: float
    """Decoded at once of a page with drafts of its own text, the model's own among them."""
    scan_drafts_a_step: float
    scan_tokens_a_step: float
    """The same of a page without a text layer, with drafts of its own answer and of what others said."""
    weights_gb: float
    workspace_gb: float
    kv_bytes_per_tok: int
    open_s_per_document: float
    open_s_per_gb: float
    render_s: float
    views_s: dict[str, float]
    finish_s: float
    """Of a render worker, with a page's text layer and answer."""
    driver_s: float
    """Of the main process beside engines that are in processes of their own."""
    writer_s: float
    """Of a process that writes, its waits for the disk included; `writing_processes.wanted` says how many."""
    front_end_s: float
    """vLLM's, in the main process of a run with one engine."""
    engine_cores: float
    restart_s: float


@dataclass(frozen=True, slots=True)
class Work:
    """An average page of a corpus, as the stages see it."""

    modes: Mapping[str, float]
    """The share of pages in each mode, by its name: several with `mode: auto`."""
    global_mpx: float
    tiles: float
    tiles_mpx: float
    """Of all tiles of a page together."""
    visual_tok: float
    output_tok: float
    drafted: float = 0.0
    """The share of pages that are decoded with drafts of their own text."""
    recalled: float = 0.0
    """The share that are decoded with drafts of their own answer and of what others said."""
    window_tok: int = 0
    """Tokens of the answer that the decoder looks back at; 0 where it sees all."""
    together: float = 1.0
    """Pages of a request."""
    pages_per_document: float = 10.0
    bytes_per_page: float = 100_000.0

    @classmethod
    def in_mode(cls, mode: Mode, tiles: float, visual_tok: float, output_tok: float) -> "Work":
        """A page of a corpus whose pages are all read in one mode."""
        tiles_mpx = tiles * mpx(mode.tile_size_px)
        return cls({mode.name: 1.0}, mpx(mode.base_size_px), tiles, tiles_mpx, visual_tok, output_tok)

    @property
    def context_tok(self) -> float:
        """Tokens whose keys and values a decode step reads for the page's request, on average."""
        answer_tok = self.together * self.output_tok
        seen_tok = min(answer_tok, self._most_seen_tok)
        # It grows to what is seen at most, and stays there.
        read_tok = seen_tok - seen_tok * seen_tok / (2 * answer_tok) if answer_tok else 0.0
        return _PROMPT_TOK + self.together * self.visual_tok + read_tok

    @property
    def _most_seen_tok(self) -> float:
        """Tokens of an answer that are kept and read: with a window the block that it is leaving as well."""
        return self.window_tok + _BLOCK_TOK if self.window_tok else math.inf

    @property
    def held_tok(self) -> float:
        """Tokens of the KV cache that a page takes at most; a window over the answer bounds its part."""
        answer_tok = min(self.together * self.output_tok, self._most_seen_tok)
        return self.visual_tok + (_PROMPT_TOK + answer_tok) / self.together


@dataclass(frozen=True, slots=True)
class PageCosts:
    """Seconds of an average page: of render workers, of a GPU, and of the processes that a run has one of."""

    cpu_s: float
    encoder_s: float
    prefill_s: float
    decode_s: float
    driver_s: float
    writer_s: float
    front_end_s: float = 0.0
    """Of the main process besides, where a run has one engine."""

    @property
    def gpu_s(self) -> float:
        """Seconds of a GPU."""
        return self.encoder_s + self.prefill_s + self.decode_s


def load(path: Path | None = None) -> Costs:
    """The table of the package, or another one of the same form. Raises UsageError."""
    path = path or TABLE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Costs)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"{path}: cannot be read as a table of costs: {error}") from None


def gpu_named(costs: Costs, name: str) -> GpuKind:
    """A GPU of the table, in any case. Raises UsageError."""
    for known, gpu in costs.gpus.items():
        if known.lower() == name.lower():
            return gpu
    raise UsageError(f"--gpu {name}: unknown (one of: {', '.join(costs.gpus)})")


def page_costs(costs: Costs, work: Work, speed: float) -> PageCosts:
    """What an average page takes on a GPU of that speed."""
    per_mpx = costs.encoder_s_per_mpx
    encoder_s = work.global_mpx * per_mpx["global"] + work.tiles_mpx * per_mpx["tile"]
    views_s = sum(
        share * costs.views_s.get(name, costs.views_s["gundam"]) for name, share in work.modes.items()
    )
    open_s = (
        costs.open_s_per_document / work.pages_per_document + costs.open_s_per_gb * work.bytes_per_page / 1e9
    )
    return PageCosts(
        cpu_s=costs.render_s + views_s + open_s + costs.finish_s,
        encoder_s=encoder_s / speed,
        prefill_s=(work.visual_tok + _PROMPT_TOK) * costs.prefill_s_per_tok / speed,
        decode_s=work.output_tok * decode_s_per_tok(costs, work) / speed,
        driver_s=costs.driver_s,
        writer_s=costs.writer_s,
        front_end_s=costs.front_end_s,
    )


def decode_s_per_tok(costs: Costs, work: Work) -> float:
    """What a token of such a page's answer takes of the GPU that was measured, in a full batch."""
    alone_s = costs.decode_s_per_tok + work.context_tok * costs.decode_s_per_context_tok
    kinds = (
        (work.drafted, costs.drafts_a_step, costs.tokens_a_step),
        (work.recalled, costs.scan_drafts_a_step, costs.scan_tokens_a_step),
        (1 - work.drafted - work.recalled, 0.0, 1.0),
    )
    return sum(share * (alone_s + drafts * costs.draft_s_per_tok) / tokens for share, drafts, tokens in kinds)


def mpx(side_px: int) -> float:
    """Megapixels of a square view."""
    return side_px * side_px / 1e6


@dataclass(frozen=True, slots=True)
class Memory:
    """Gigabytes of a GPU, and the pages that fit into its KV cache at one time."""

    weights_gb: float
    workspace_gb: float
    page_gb: float
    needed_gb: float
    """The least with which the mode runs: 16 pages at one time."""
    pages: int


def memory(costs: Costs, work: Work, gpu_gb: float) -> Memory:
    """What an engine needs for pages of this kind, and how many the GPU holds."""
    page_gb = work.held_tok * costs.kv_bytes_per_tok / 1e9
    fixed_gb = costs.weights_gb + costs.workspace_gb
    room_gb = gpu_gb * MEMORY_SHARE - fixed_gb
    return Memory(
        weights_gb=costs.weights_gb,
        workspace_gb=costs.workspace_gb,
        page_gb=page_gb,
        needed_gb=(fixed_gb + _LEAST_PAGES * page_gb) / MEMORY_SHARE,
        pages=max(0, int(room_gb / page_gb)),
    )
