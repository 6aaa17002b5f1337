"""What a model family is: one record of everything that differs from one to the next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ocr_engine.families.modes import Mode, view_tokens


@dataclass(frozen=True, slots=True)
class Together:
    """How a family reads several pages of a document in one request."""

    max_pages: int
    """The most it was trained with."""
    mode: str
    prompt: str
    """The names of the mode and the prompt that it was trained with for this."""
    ngram_window: int
    """Window of the n-gram guard in its official script for PDFs."""
    answer_tok: int = 1_000
    """Tokens of an answer that a page is given room for where as many pages as fit are read together."""


@dataclass(frozen=True, slots=True)
class Family:
    """A family of checkpoints that share an architecture.

    To add one: its record beside `ocr.py`, its row in `FAMILIES`, and its model class for vLLM.
    """

    name: str
    architecture: str
    """The class that a checkpoint's config.json names, and the name of our class for vLLM."""
    vllm_module: str
    """The module that holds our class; imported in vLLM's processes alone."""
    modes: Mapping[str, Mode] = field(repr=False)
    max_tiles: int
    """The most tiles that its official code cuts; more was never trained."""
    prompts: Mapping[str, str] = field(repr=False)
    """The prompts it was trained with, by name."""
    tower: Literal["clip", "query"]
    """The second stage of its encoder; `engine.weights` knows the tensors of each."""
    row_newline: bool
    """Whether each row of visual tokens ends with a newline feature."""
    eval_keeps_center: bool
    """Whether its official evaluation script leaves `<center>` tags in the text."""
    hub_id: str
    """The official checkpoint."""
    auto: tuple[str, ...] = ()
    """The modes that `mode: auto` chooses from; none named are all of them."""
    hints: tuple[str, ...] = ()
    """Lower-case pieces of a name that tell its checkpoints where there is nothing else to go by."""
    max_model_len: int = 8192
    """Longest prompt plus output of its official scripts; longer positions were never trained."""
    ngram: tuple[int, int] = (20, 50)
    """Size and window of the n-gram guard in its official script for PDFs."""
    window_tok: int = 0
    """Tokens of the answer that its decoder looks back at, beside the whole prompt; 0 where it sees all."""

    def view_tokens(self, base_size_px: int, tile_size_px: int, columns: int, rows: int) -> int:
        """Visual tokens of a page with views of these sizes; see `modes.view_tokens`."""
        return view_tokens(base_size_px, tile_size_px, columns, rows, row_newline=self.row_newline)

    together: Together | None = None
    """How it reads several pages in one request; None where it reads one."""

    @property
    def max_pages(self) -> int:
        """Pages that a request may hold."""
        return self.together.max_pages if self.together else 1

    @property
    def smallest_mode(self) -> Mode:
        """The mode with the smallest views: what a try-out costs least in."""
        return min(self.modes.values(), key=lambda mode: mode.base_size_px)
