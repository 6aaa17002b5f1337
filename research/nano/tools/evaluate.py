"""Held-out evaluation: pages of unseen text, some in unseen fonts, read greedily and scored."""

import random
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer

from research.nano.model.model import NanoOcr
from research.nano.model.tokenizer import EOS, answer_text
from research.nano.pages.pages import A4, Brief
from research.nano.tools.metrics import Reading, read, summary
from research.nano.training.batches import to_pixels
from research.nano.training.samples import Sample, held_sample


@dataclass(frozen=True)
class Trial:
    """One kind of held-out page."""

    name: str
    mode: str
    held: str
    grounded: bool
    points: tuple[float, float] = (10, 12)
    words: tuple[int, int] = (250, 450)
    rich: bool = True
    """Whether there is anything beside paragraphs."""
    varied: bool = False
    """Whether text comes back to names and phrases, and pages have footnotes and tastes, as in training."""
    invented: bool = True
    """Whether some of the text is of dictionaries, random signs and other languages, as in training."""


LARGER = (12, 16)
"""Larger type than on the other full pages, in points."""


def _sparse(name: str, mode: str, *, grounded: bool) -> Trial:
    return Trial(name, mode, "text", grounded, (16, 22), (40, 130))


TRIALS = (
    Trial("base text markdown", "base", "text", True),
    Trial("base font free", "base", "font", False),
    Trial("gundam text markdown", "gundam", "text", True),
    _sparse("small sparse text markdown", "small", grounded=True),
    Trial("base font markdown", "base", "font", True),
    Trial("base text free", "base", "text", False),
    Trial("gundam font free", "gundam", "font", False),
    _sparse("tiny sparse text free", "tiny", grounded=False),
    Trial("large text markdown", "large", "text", True),
    Trial("gundam plain text markdown", "gundam", "text", True, rich=False),
    Trial("base plain text markdown", "base", "text", True, rich=False),
    Trial("gundam prose text markdown", "gundam", "text", True, invented=False),
    Trial("base prose text markdown", "base", "text", True, invented=False),
    Trial("base prose font markdown", "base", "font", True, invented=False),
    Trial("base larger text markdown", "base", "text", True, LARGER),
    Trial("base larger font markdown", "base", "font", True, LARGER),
    Trial("gundam varied text markdown", "gundam", "text", True, varied=True),
    Trial("base varied text markdown", "base", "text", True, varied=True),
)
"""The first four (one a GPU) are measured during training, all at its end."""
TRIAL_SEED = 4242


def trial_brief(rng: random.Random, trial: Trial) -> Brief:
    """Draw what one page of a trial is to be: its length and size of type."""
    points, words = rng.uniform(*trial.points), rng.randint(*trial.words)
    return Brief(
        A4, 2 * points, 1, words, 0.09, trial.rich, trial.held, varied=trial.varied, invented=trial.invented
    )


def draw_trial(trial: Trial, count: int, tokenizer: Tokenizer, seed: int) -> list[Sample]:
    """Draw pages of a trial's lengths and sizes of type."""
    rng = random.Random(seed)
    found: list[Sample] = []
    while len(found) < count:
        brief = trial_brief(rng, trial)
        found.append(held_sample(rng, tokenizer, trial.mode, brief, grounded=trial.grounded))
    return found


@torch.no_grad()
def answer_samples(
    model: NanoOcr, tokenizer: Tokenizer, samples: list[Sample], limit: int
) -> list[list[int]]:
    """Return generated ids for samples of one mode, grid and prompt."""
    device = next(model.parameters()).device
    dtype = torch.bfloat16 if device.type == "cuda" else next(model.parameters()).dtype
    overview = torch.from_numpy(np.stack([s.view.overview for s in samples])).to(device)
    tiles = [s.view.tiles for s in samples if s.view.tiles is not None]
    small = to_pixels(torch.from_numpy(np.concatenate(tiles)).to(device), dtype) if tiles else None
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        return model.generate(
            to_pixels(overview, dtype), small, samples[0].view.grid, list(samples[0].prompt),
            tokenizer.token_to_id(EOS), limit,
        )  # fmt: skip


def readings(
    model: NanoOcr, tokenizer: Tokenizer, samples: list[Sample], limit: int
) -> tuple[list[Reading], list[str]]:
    """Read samples in batches of 24; return scores and answers."""
    scores, texts, end = [], [], tokenizer.token_to_id(EOS)
    for start in range(0, len(samples), 24):
        part = samples[start : start + 24]
        for sample, ids in zip(part, answer_samples(model, tokenizer, part, limit), strict=True):
            text = answer_text(tokenizer, ids)
            texts.append(text)
            scores.append(read(text, sample.text, ended=end in ids))
    return scores, texts


def evaluate(
    model: NanoOcr, tokenizer: Tokenizer, trial: Trial, samples: list[Sample], limit: int
) -> dict[str, object]:
    """Return a trial's summary with its errors page by page and one example."""
    model.eval()
    scores, texts = readings(model, tokenizer, samples, limit)
    model.train()
    worst = max(range(len(scores)), key=lambda i: scores[i].error)
    return {
        "trial": trial.name,
        **summary(scores),
        "errors": [round(s.error, 4) for s in scores],
        "example": [texts[0][:300], samples[0].text[:300]],
        "worst": [texts[worst][:1500], samples[worst].text[:1500]],
    }
