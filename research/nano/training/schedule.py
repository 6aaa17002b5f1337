"""What a training run is asked to do, and what follows from it at every step: budget, rate, loss weights."""

from dataclasses import dataclass
from pathlib import Path

from research.nano.model.model import Weights


@dataclass(frozen=True)
class Plan:
    """What one training run is asked to do; times in seconds."""

    out: Path
    checkpoint: Path
    seconds: float
    init: Path | None = None
    resume: bool = False
    spent: float = 0.0
    """Seconds of the budget that a lost run, whose weights are in `init`, has used."""
    until: float = 0.0
    """The second (of the epoch) when training must be over and saved; 0 for no such time."""
    lr: float = 2e-3
    warmup_steps: int = 60
    hold: float = 0.5
    """Progress at which the learning rate starts to fall, linearly to nothing."""
    mixture: str = "curriculum"
    """A name in `research.nano.training.mixture.MIXTURES`."""
    seed: int = 0
    workers: int = 13
    uses: int = 3
    share: float = 1.0
    tiny: bool = False
    compile: bool = False
    """Whether to compile the encoder for the commonest batches, where that works and is faster."""
    profile: bool = False
    """Whether to write where the time of a few early steps goes to profile.txt."""
    eval_every_s: float = 240.0
    eval_pages: int = 16
    final_pages: int = 48
    save_every_s: float = 60.0
    answer_limit_tok: int = 1100


def rate(plan: Plan, step: int, progress: float) -> float:
    """Return the learning rate: warm-up in a segment's own steps, then held, then falling with progress."""
    fall = max(0.0, (progress - plan.hold) / (1 - plan.hold))
    return plan.lr * min(1.0, (step + 1) / plan.warmup_steps) * max(0.005, 1 - fall)


def loss_weights(step: int, progress: float, *, trained_heads: bool = False) -> Weights:
    """Return the raster and guide weights; a new raster head warms up on detached features."""
    cold = step < 150 and not trained_heads
    if progress < 0.25:
        return Weights(0.5, 0.3, cold=cold)
    return Weights(0.3, 0.1, cold=cold) if progress < 0.7 else Weights(0.2, 0.05, cold=cold)


def budget_s(plan: Plan, spent: float, now: float) -> float:
    """Return the seconds of all segments together: the plan's, or fewer where `until` comes before."""
    return min(plan.seconds, spent + max(1.0, plan.until - now)) if plan.until else plan.seconds
