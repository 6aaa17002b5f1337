"""What vLLM gives for a request: its errors as ours, its outputs fed to an answer."""

import contextlib
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

from ocr_engine.engine.answer import TokenAnswer
from ocr_engine.errors import EngineError, RequestError


@contextlib.contextmanager
def our_errors(died: Callable[[Exception], EngineError]) -> Iterator[None]:
    """vLLM's errors as ours; `died` makes the one for an engine that died.

    Raises:
        EngineError: the engine died.
        RequestError: this request failed; the engine goes on.
    """
    from ocr_engine.engine.vllm.internals import (
        EngineDeadError,
        EngineGenerateError,
        VLLMClientError,
        VLLMError,
    )

    try:
        yield
    except EngineDeadError as error:
        raise died(error) from error
    except EngineGenerateError as error:
        cause = error.__cause__ or error
        if isinstance(cause, RequestError):
            raise cause from None
        raise RequestError(f"{type(cause).__name__}: {cause}") from error
    except (ValueError, VLLMClientError) as error:
        raise RequestError(str(error)) from error
    except VLLMError as error:
        # Such as `GenerationError`, which 0.33 gives as it is.
        raise RequestError(f"{type(error).__name__}: {error}") from error


async def collect(
    outputs: AsyncGenerator[Any, None], answer: TokenAnswer, prompt_tokens: int
) -> tuple[int, int]:
    """Feed vLLM's outputs to the answer, to its end or its loop; the drafts verified, and those accepted."""
    drafts = None
    async with contextlib.aclosing(outputs):
        async for output in outputs:
            if (found := len(output.prompt_token_ids)) != prompt_tokens:
                raise EngineError(
                    f"the prompt has {found} tokens, expected {prompt_tokens}: wrong version of vLLM"
                )
            new = output.outputs[0]
            answer.add(new.token_ids, new.finish_reason, new.logprobs.logprobs if new.logprobs else ())
            drafts = new.spec_decode_metrics
            if answer.loop is not None:
                break
    if drafts is None:
        return 0, 0
    return drafts.num_draft_tokens, sum(count * steps for count, steps in enumerate(drafts.histogram))
