"""The extension that vLLM's worker is started with where pages have drafts.

vLLM imports it in the worker's process before it makes the runner: then our speculator must be in place.
"""

from ocr_engine.engine.vllm import drafter, verification
from ocr_engine.engine.vllm.page_worker import PageWorker

drafter.install()
verification.install()


class DraftWorker(PageWorker):
    """Adds nothing to the worker."""
