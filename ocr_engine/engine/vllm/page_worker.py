"""The extension that vLLM's worker is started with on a GPU: what all pages gain from.

vLLM imports it in the worker's process before it makes the runner.
"""

from ocr_engine.engine.vllm import encode_first, guard_v2, small_steps
from ocr_engine.engine.vllm.contract import first_difference
from ocr_engine.engine.vllm.shortcuts import BANS, ENCODE_FIRST, SMALL_STEPS

if not first_difference(BANS):
    guard_v2.ban_in_model_logits()
if not first_difference(ENCODE_FIRST):
    encode_first.install()
if not first_difference(SMALL_STEPS):
    small_steps.install()


class PageWorker:
    """Adds nothing to the worker."""
