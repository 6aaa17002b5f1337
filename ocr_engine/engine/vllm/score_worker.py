"""The extension that vLLM's worker is started with where token probabilities are wanted.

vLLM imports it in the worker's process before it makes the runner.
"""

from ocr_engine.engine.vllm.page_worker import PageWorker
from ocr_engine.engine.vllm.scores import install_in_worker

install_in_worker()


class ScoreWorker(PageWorker):
    """Adds nothing to the worker."""
