"""One compared pair of ground truth and prediction, and how upstream's result files spell it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ocr_engine.evaluation.omnidocbench.assignment import Link
from ocr_engine.evaluation.omnidocbench.candidates import Candidate, Target
from ocr_engine.evaluation.omnidocbench.protocol import (
    FORMULA,
    IGNORED_CATEGORIES,
)


@dataclass(frozen=True, slots=True)
class MatchedRow:
    """A row of `*_result.json`. Indices count the page's lines of that match; empty means none.

    `edit` is the ratio at matching time; scores are computed from the strings again.
    """

    image_name: str
    gt_indices: tuple[int, ...]
    pred_indices: tuple[int, ...]
    gt: str
    pred: str
    norm_gt: str
    norm_pred: str
    gt_category: str
    pred_kind: str
    gt_orders: tuple[float | None, ...]
    pred_position: int | None
    gt_attributes: tuple[Mapping[str, Any], ...]
    edit: float
    is_blanked: bool = False
    """Its prediction was taken away after matching (a LaTeX table in v1.5)."""

    @property
    def compared(self) -> tuple[str, str]:
        """Ground truth and prediction as scored: an empty normalised string falls back to the raw one."""
        return self.norm_gt or self.gt, self.norm_pred or self.pred

    def official(self) -> dict[str, Any]:
        """Upstream's keys; it writes [""] where there is nothing, and "" where something was taken away."""
        return {
            "gt_idx": list(self.gt_indices) or [""],
            "gt": self.gt,
            "pred_idx": "" if self.is_blanked else list(self.pred_indices) or [""],
            "pred": self.pred,
            "edit": self.edit,
            "gt_position": [order or "" for order in self.gt_orders] or [""],
            "pred_position": "" if self.pred_position is None else self.pred_position,
            "norm_gt": self.norm_gt,
            "norm_pred": self.norm_pred,
            "gt_category_type": self.gt_category,
            "pred_category_type": self.pred_kind,
            "gt_attribute": [dict(attribute) for attribute in self.gt_attributes],
            "img_id": self.image_name,
        }


def build(
    link: Link, targets: Sequence[Target], lines: Sequence[Candidate], image_name: str, *, arrays: bool
) -> MatchedRow:
    """The row of a link. `arrays` writes several formulas as one array, as v1.5 does for CDM."""
    gts = [targets[i] for i in link.targets]
    preds = [lines[i] for i in link.lines]
    category = _category(gts)
    kind = preds[0].kind if preds else ""
    return MatchedRow(
        image_name=image_name,
        gt_indices=link.targets,
        pred_indices=link.lines,
        gt=_raw([target.raw for target in gts], array=arrays and category == FORMULA),
        pred=_raw([line.raw for line in preds], array=arrays and "equation" in kind),
        norm_gt="".join(target.norm for target in gts),
        norm_pred="".join(line.norm for line in preds),
        gt_category=category,
        pred_kind=kind,
        gt_orders=tuple(target.order for target in gts),
        pred_position=preds[0].position if preds else None,
        gt_attributes=tuple(target.attribute for target in gts) or ({},),
        edit=link.edit,
    )


def _category(targets: Sequence[Target]) -> str:
    """The most frequent category that is scored; if there is none, the most frequent one."""
    every = [target.category for target in targets]
    scored = [category for category in every if category not in IGNORED_CATEGORIES]
    counted = Counter(scored or every).most_common(1)
    return counted[0][0] if counted else ""


def _raw(pieces: Sequence[str], *, array: bool) -> str:
    if not array or len(pieces) < 2:
        return "".join(pieces)
    lines = r" \\ ".join("{" + piece.strip("$").strip("\n") + "}" for piece in pieces)
    return r"\begin{array}{l} " + lines + r" \end{array}"
