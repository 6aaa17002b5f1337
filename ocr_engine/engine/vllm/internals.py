"""Every name of vLLM that this project uses, and what for: the one file that imports from vLLM.

    from ocr_engine.engine.vllm.internals import AsyncScheduler

imports a name when it is asked for, so that each process loads what it needs. Most are private or unstable;
`contract` checks what shortcuts ride on (`shortcuts`). To move to another vLLM: run the tests of this room on
it, mend what this table points to, and add its number to `contract.TESTED`.
"""

import importlib
from typing import Any, NamedTuple


class Symbol(NamedTuple):
    """A name of vLLM: its module, its name there, and what this project needs it for."""

    module: str
    attribute: str
    why: str


_BY_MODULE: dict[str, dict[str, str]] = {
    "vllm": {
        "SamplingParams": "what a request asks of the sampler; public",
        "envs": "the limits that its server keeps for what clients send",
    },
    "vllm.sampling_params": {
        "RequestOutputKind": "deltas for streams, the whole answer else; public",
    },
    "vllm.engine.arg_utils": {
        "AsyncEngineArgs": "checks what the engine is started with; public",
    },
    "vllm.v1.engine.async_llm": {
        "AsyncLLM": "the engine; `engine_core`, `output_handler` are private",
    },
    "vllm.exceptions": {
        "VLLMClientError": "a request that vLLM refuses",
        "VLLMError": "a request that failed; from 0.33 on it is raised as it is",
        "VLLMValidationError": "makes its server answer 400 instead of 500",
    },
    "vllm.v1.engine.exceptions": {
        "EngineDeadError": "the engine's process is gone",
        "EngineGenerateError": "one request failed, its cause inside",
    },
    "vllm.model_executor.models.registry": {
        "ModelRegistry": "our classes take the place of vLLM's own",
        "_BaseRegisteredModel": "a lazy entry that starts no process to inspect a class",
        "_ModelInfo": "what such an entry answers",
    },
    "vllm.model_executor.models.config": {
        "MODELS_CONFIG_MAP": "defaults for `vllm serve`: guard and ready views",
    },
    "vllm.config": {
        "VllmConfig": "what a model class is made from",
        "CUDAGraphMode": "whether a step is one whole graph (small steps)",
    },
    "vllm.utils.torch_utils": {
        "async_tensor_h2d": "copies to the device without waiting",
    },
    "vllm.config.multimodal": {
        "MultiModalDummyOptions": "signature of the profiling hook",
    },
    "vllm.model_executor.models.interfaces": {
        "MultiModalEmbeddings": "signature of `embed_multimodal`",
        "SupportsMultiModal": "marks the model as one with images",
        "SupportsPP": "marks the model as one that may be cut in stages",
    },
    "vllm.model_executor.models.module_mapping": {
        "MultiModelKeys": "which parts quantisation leaves alone",
    },
    "vllm.model_executor.models.utils": {
        "AutoWeightsLoader": "loads official checkpoints by name",
        "WeightsMapper": "the names of the checkpoint in vLLM's words",
        "init_vllm_registered_model": "the decoder is vLLM's own",
        "maybe_prefix": "the decoder's name among the weights",
    },
    "vllm.multimodal": {
        "MULTIMODAL_REGISTRY": "ties our processor to the model class",
    },
    "vllm.multimodal.inputs": {
        "MultiModalFieldConfig": "how fields of several pages are batched",
        "MultiModalKwargsItems": "signature of the placeholders' hook",
    },
    "vllm.multimodal.media": {
        "MEDIA_CONNECTOR_REGISTRY": "what reads the arrays that clients send",
        "MediaWithBytes": "what an image that came over HTTP is wrapped in",
    },
    "vllm.multimodal.parse": {
        "DictEmbeddingItems": "ready views go in as such items",
        "ImageProcessorItems": "images to cut go in as such items",
        "MultiModalDataItems": "signature of the placeholders' hook",
        "MultiModalDataParser": "base of our parser; `_parse_image_data` is its hook",
    },
    "vllm.multimodal.processing": {
        "BaseDummyInputsBuilder": "base of the largest page, for memory profiling",
        "BaseMultiModalProcessor": "base of our processor; its hooks change often",
        "BaseProcessingInfo": "base of limits and token counts",
        "PromptReplacement": "`<image>` becomes one placeholder a visual token",
        "PromptUpdate": "signature of that hook",
    },
    "vllm.renderers.chat_utils": {
        "BaseMultiModalItemTracker": "`_merge_embeds` of its module takes arrays alone from clients",
    },
    "vllm.sequence": {
        "IntermediateTensors": "signature of `forward`",
    },
    "vllm.v1.attention.backend": {
        "CommonAttentionMetadata": "what a step's attention is made from (R-SWA on a CPU)",
    },
    "vllm.v1.attention.backends.cpu_attn": {
        "CPUAttentionBackend": "base of ours for R-SWA on a CPU",
        "CPUAttentionBackendImpl": "its attention; `do_kv_cache_update` and `forward` are called",
        "CPUAttentionMetadataBuilder": "prepares a step; `build` is called with changed metadata",
    },
    "vllm.v1.attention.backends.triton_attn": {
        "TritonAttentionMetadata": "a step's blocks and lengths, which R-SWA on a GPU makes shorter",
    },
    "vllm.v1.attention.backends.registry": {
        "AttentionBackendEnum": "the name of the backend that ours replaces; public",
        "register_backend": "replaces it; public",
    },
    "vllm.v1.core.kv_cache_manager": {
        "KVCacheManager": "blocks of requests (decode steps)",
    },
    "vllm.v1.core.sched.async_scheduler": {
        "AsyncScheduler": "base of our scheduler",
    },
    "vllm.v1.core.sched.interface": {
        "PauseState": "holds new pages back, makes an empty step",
    },
    "vllm.v1.core.sched.output": {
        "CachedRequestData": "what a worker is told of requests it knows",
        "SchedulerOutput": "a step",
    },
    "vllm.v1.core.single_type_kv_cache_manager": {
        "FullAttentionManager": "the kinds of cache that decode steps know: this one ...",
        "RSWAManager": "... and that of Unlimited-OCR, which frees what its window has left",
    },
    "vllm.logprobs": {
        "FlatLogprobs": "token probabilities of a request as lists, added to at once",
    },
    "vllm.v1.engine.logprobs": {
        "LogprobsProcessor": "takes them in; `_update_sample_logprobs` is private",
    },
    "vllm.v1.engine": {
        "EngineCoreOutput": "new tokens of a request",
        "EngineCoreOutputs": "the same of a client",
    },
    "vllm.v1.outputs": {
        "ModelRunnerOutput": "what a step sampled",
        "LogprobsLists": "token probabilities of a step and of a message",
        "LogprobsTensors": "the same on the device",
    },
    "vllm.v1.request": {
        "Request": "a request's counts, read and written",
    },
    "vllm.v1.sample.logits_processor": {
        "BatchUpdate": "who entered and left the batch; documented",
        "MoveDirectionality": "who changed places; documented",
        "LogitsProcessor": "base of the guard in the V1 runner; documented",
    },
    "vllm.v1.worker.gpu.sample.logits_processor": {
        "LogitsProcessor": "the same in the V2 runner",
        "LogitsContext": "what that one is given of a step",
        "LogitsProcRequestState": "token histories on the device",
    },
    "vllm.v1.worker.gpu.sample": {
        "sampler": "a module that computes token probabilities, where ours takes the place of its kernels",
    },
    "vllm.v1.worker.gpu.sample.logprob": {
        "compute_topk_scores": "what ours takes the place of",
    },
    "vllm.v1.worker.gpu.spec_decode.ngram": {
        "speculator": "the module whose class ours replaces, to propose drafts",
    },
    "vllm.v1.worker.gpu.spec_decode.ngram.speculator": {
        "NgramGPUSpeculator": "base of ours: made by vLLM, called after each step",
    },
    "vllm.v1.worker.gpu.sample.sampler": {
        "Sampler": "its logits are banned before it copies them",
    },
    "vllm.v1.worker.gpu": {
        "model_runner": "the module whose keeper of CUDA graphs ours replaces (drafts), and its copies to the"
        " device while small steps are prepared",
    },
    "vllm.v1.worker.gpu.model_runner": {
        "GPUModelRunner": "its `add_requests` encodes first, its steps are ours where they are small",
        "BatchReqState": "a batch as the host knows it (small steps)",
    },
    "vllm.v1.worker.gpu.mm.encoder_cache": {
        "EncoderCache": "knows the pixels of a request before the runner does",
    },
    "vllm.v1.worker.gpu.cudagraph_utils": {
        "ModelCudaGraphManager": "base of ours; `_init_candidates`, `capture` (drafts)",
    },
    "vllm.v1.worker.gpu.model_states.default": {
        "DefaultModelState": "base of ours; `prepare_attn` passes the prompts' lengths on (R-SWA)",
    },
    "vllm.v1.worker.gpu.attn_utils": {
        "get_varlen_cudagraph_unsupported_backend": "whether a graph may hold any mix of drafts",
    },
    "vllm.v1.worker.gpu.spec_decode": {
        "rejection_sampler": "the module whose limit of logits verified at once is raised; computes token"
        " probabilities too",
    },
    "vllm.v1.sample.ops": {
        "topk_topp_sampler": "the module whose kernels no page needs: not compiled at the start",
    },
    "vllm.v1.worker.gpu.buffer_utils": {
        "StagedWriteTensor": "whitelists and predictions on the device",
        "UvaBackedTensor": "numbers of requests, seen by host and device",
    },
}
_ALIASES = {
    ("vllm.v1.worker.gpu.sample.logits_processor", "LogitsProcessor"): "DeviceLogitsProcessor",
    ("vllm.v1.worker.gpu.sample", "sampler"): "device_sampler",
    ("vllm.v1.worker.gpu.spec_decode.ngram", "speculator"): "ngram_speculator",
    ("vllm.v1.worker.gpu", "model_runner"): "gpu_model_runner",
}
"""Names that two modules have are told apart by these, and those that say too little by themselves."""

SYMBOLS = {
    _ALIASES.get((module, name), name): Symbol(module, name, why)
    for module, names in _BY_MODULE.items()
    for name, why in names.items()
}
"""Every name of the table, as it is imported from here."""


def __getattr__(name: str) -> Any:
    """A name of the table, imported now.

    Raises:
        AttributeError: no such name in the table.
        ImportError: this vLLM has no such module or name.
    """
    symbol = SYMBOLS.get(name)
    if symbol is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(symbol.module)
    try:
        return getattr(module, symbol.attribute)
    except AttributeError:
        # A module of a package is an attribute of it once it was imported.
        return importlib.import_module(f"{symbol.module}.{symbol.attribute}")
