"""The extension for both drafts and token probabilities: vLLM takes one."""

from ocr_engine.engine.vllm.draft_worker import DraftWorker
from ocr_engine.engine.vllm.score_worker import ScoreWorker


class DraftScoreWorker(DraftWorker, ScoreWorker):
    """Adds nothing to the worker."""
