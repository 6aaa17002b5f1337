"""The shortcuts that this project takes through vLLM, and what each rides on there.

`contract` checks these before they are taken; `internals` has the table of all names.
"""

from dataclasses import dataclass

SHORTCUTS_KEY = "ocr_engine_shortcuts"
"""Where the scheduler in vLLM's process finds, in `additional_config`, which shortcuts it may take."""
GROUPS, DECODE_STEPS, HELD_TOKENS, DRAFTS = "page groups", "decode steps", "held tokens", "drafts"
SCORES, DRAFT_GRAPHS = "token probabilities", "whole graphs with drafts"
BANS, ENCODE_FIRST = "bans without a copy of the logits", "pages encoded first"
SMALL_STEPS = "small decode steps as graphs"


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
    SMALL_STEPS: (
        Needs(
            "GPUModelRunner",
            "vllm_config model_config device max_num_reqs max_model_len num_speculative_steps req_states"
            " block_tables sampler prompt_logprobs_worker model_state cudagraph_manager speculator"
            " attn_groups kv_cache_config execute_model_state draft_tokens_handler main_stream"
            " output_copy_stream pcp_manager ubatch_runner fast_prefill adaptive_verification"
            " aux_output_connector pooling_runner",
        ),
        Needs(
            "GPUModelRunner",
            method="execute_model",
            parameters="self scheduler_output intermediate_tensors dummy_run",
        ),
        Needs("GPUModelRunner", method="sample_tokens", parameters="self grammar_output"),
        *(
            Needs("GPUModelRunner", method=method, parameters="self scheduler_output")
            for method in ("finish_requests", "free_states", "update_requests")
        ),
        Needs(
            "GPUModelRunner",
            method="prepare_inputs",
            parameters="self scheduler_output batch_req_state batch_desc num_active_loras",
        ),
        Needs("GPUModelRunner", method="prepare_attn", parameters="self input_batch"),
        Needs("GPUModelRunner", method="sample", parameters="self hidden_states input_batch grammar_output"),
        Needs(
            "GPUModelRunner",
            method="postprocess_sampled",
            parameters="self idx_mapping sampled_tokens num_sampled num_rejected query_start_loc",
        ),
        Needs(
            "BatchReqState",
            method="__new__",
            parameters="_cls req_ids num_scheduled_tokens num_tokens num_draft_tokens_np idx_mapping_np"
            " prefill_len_np num_computed_prefill_tokens_np is_prefilling_np max_seq_len_np has_prefill"
            " prefill_runs_as_decode_np decode_graph_eligible",
        ),
        Needs("gpu_model_runner", "async_tensor_h2d AsyncOutput"),
        Needs("async_tensor_h2d", parameters="data device dtype out"),
        Needs(
            "DefaultModelState",
            method="prepare_attn",
            parameters="self input_batch cudagraph_mode block_tables slot_mappings attn_groups"
            " kv_cache_config",
        ),
        Needs(
            "ModelCudaGraphManager",
            method="dispatch",
            parameters="self num_reqs num_tokens uniform_token_count num_active_loras max_query_len",
        ),
        Needs("ModelCudaGraphManager", method="run_fullgraph", parameters="self desc"),
        Needs("ModelCudaGraphManager", "decode_query_len"),
        Needs("CUDAGraphMode", "FULL"),
        Needs(
            "Sampler",
            "logits_processors sampling_states needs_logits_processing compute_nans return_sampling_mask"
            " trace_replay_state",
        ),
        Needs("Sampler", method="get_logprobs_dims", parameters="self idx_mapping_np"),
        Needs("UvaBackedTensor", "np pool gpu"),
        Needs("UvaBackedTensor", method="copy_to_uva", parameters="self n"),
        Needs("ModelRunnerOutput", "req_ids req_id_to_index sampled_token_ids prompt_logprobs_dict"),
        Needs(
            "SchedulerOutput",
            "num_scheduled_tokens total_num_scheduled_tokens scheduled_cached_reqs scheduled_new_reqs"
            " scheduled_spec_decode_tokens has_structured_output_requests num_spec_tokens_to_schedule",
        ),
        Needs("CachedRequestData", "req_ids new_block_ids num_computed_tokens"),
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
