"""Which drawing of a PDF page is its picture where a renderer had trouble.

A page that holds something is not blank because one library failed to draw it. The rule: docs/quality.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ocr_engine.errors import InputError, PageError
from ocr_engine.pages.backend import EncryptedError, NotInstalledError
from ocr_engine.pages.ink import measure_ink
from ocr_engine.records import PageImage

EMPTY_INK = 0.00002
"""A smaller share of ink is an empty drawing: the default of `quality.blank_ink`."""
_CLEARLY_MORE = 1.5
_MAX_CHARS = 500


@dataclass(frozen=True, slots=True)
class _Drawing:
    page: PageImage
    share: float
    doubt: str

    @property
    def settles_it(self) -> bool:
        return not (self.page.damage or self.doubt)


def draw_page(renderers: Sequence[tuple[str, Callable[[], PageImage]]], trouble: Sequence[str]) -> PageImage:
    """The page as the first renderer draws it; as the next one does where that shows clearly more.

    The next is asked where the first fails, reports damage, or draws nothing where something may be. `ink` of
    the page is measured; its `damage` names what went wrong with either.

    Args:
        renderers: names and what draws the page, which may raise InputError.
        trouble: what is known to have gone wrong with the page before.

    Raises:
        PageError: nothing of the page could be drawn, and a renderer failed or reported damage.
    """
    failures: list[InputError] = []
    drawings: list[_Drawing] = []
    late: list[str] = []
    for name, draw in renderers:
        try:
            drawings.append(_judged(draw()))
        except InputError as error:
            if drawings:
                late += _words([error])
            else:
                failures.append(error)
            continue
        except MemoryError:
            if not drawings:
                raise
            late.append(f"{name}: needs more memory than render.worker_memory_mb")
        if drawings[-1].settles_it:
            break
    if not drawings:
        raise _one_error(failures)
    return _chosen(drawings, [*trouble, *_words(failures)], late)


def _judged(page: PageImage) -> _Drawing:
    ink = measure_ink(page.image)
    doubt = (_text_unseen(page) or page.doubt()) if ink.share < EMPTY_INK else ""
    words = f"{page.backend} draws nothing, though {doubt}" if doubt else ""
    return _Drawing(replace(page, ink=ink), ink.share, words)


def _text_unseen(page: PageImage) -> str:
    count = sum(any(map(str.isalnum, word)) for word in page.text_layer().words)
    return f"the page's text layer has {count:,} word{'s' * (count != 1)}" if count else ""


def _chosen(drawings: Sequence[_Drawing], trouble: Sequence[str], late: Sequence[str]) -> PageImage:
    """The better drawing, with words for all that is wrong; `late` is what went wrong after a first drawing.

    Where both are empty, a second renderer that fails proves nothing: the first had no complaint of its own.
    """
    first, best = drawings[0], drawings[-1]
    if best.share < max(EMPTY_INK, _CLEARLY_MORE * first.share):
        best = first
    damage = [first.page.damage, best.page.damage]
    words = _joined([*trouble, *damage, *late, *(drawing.doubt for drawing in drawings)])
    if best.share < EMPTY_INK and (trouble or first.page.damage):
        raise PageError(f"nothing of the page could be drawn: {words}")
    return replace(best.page, damage=words)


def _joined(words: Sequence[str]) -> str:
    return "; ".join(dict.fromkeys(word for word in words if word))[:_MAX_CHARS]


def _words(errors: Sequence[InputError]) -> list[str]:
    return [str(error) for error in errors if not isinstance(error, NotInstalledError)]


def _one_error(errors: Sequence[InputError]) -> InputError:
    locked = next((error for error in errors if isinstance(error, EncryptedError)), None)
    return locked or PageError("; ".join(dict.fromkeys(map(str, errors))))
