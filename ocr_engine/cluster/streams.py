"""What is asked of Ray: being part of a cluster, and the two streams of Ray Data that a run consists of.

Nothing here knows a run: rows go in, records come out, in any order.
"""

import contextlib
import importlib
import logging
import math
import os
import re
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ocr_engine.cluster import nodes
from ocr_engine.cluster.nodes import Opened, Result, SentPage
from ocr_engine.config import ClusterConfig, Config
from ocr_engine.engine.checkpoint import AUTO, AUTO_HUB_ID, NANO
from ocr_engine.errors import EngineError, UsageError
from ocr_engine.log import logger, printable
from ocr_engine.records import Document

_RENDER_CPUS = 1.0
_ERROR_LINE = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception): ")
_ROUNDING = 1e-9
_NOT_FUSED = 1 << 20
_ASK_S = 60.0
_ENGINE_BLOCKS = 2
"""Blocks of pages an engine has waiting beside those it works on."""


class ClusterLostError(EngineError):
    """A stream ended before its pages were through, for a reason that lies with the cluster."""


@contextlib.contextmanager
def connected(config: Config) -> Iterator[Config]:
    """Be part of the cluster; gives the config with what only the cluster can tell filled in.

    Raises:
        UsageError: Ray is not installed, or has no such share of GPUs to give.
        EngineError: there is no such cluster.
    """
    gpus = config.cluster.gpus_per_engine
    if gpus > 1 and gpus != int(gpus):
        raise UsageError(f"cluster.gpus_per_engine: {gpus:g}: above 1 it must be a whole number")
    ray = _ray()
    # Ray reports usage to its makers unless told not to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    address = None if config.cluster.address == "local" else config.cluster.address
    try:
        _reach(config.cluster.address)
        ray.init(address=address, ignore_reinit_error=True, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise EngineError(_not_reached(config.cluster.address, error)) from None
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    if config.engine.model != AUTO or config.engine.backend != "vllm":
        model = config.engine.model
    else:
        # The driver may have no GPU: what `auto` means is the cluster's to say.
        model = AUTO_HUB_ID if _total("GPU") else NANO
    config = replace(config, engine=replace(config.engine, model=model))
    try:
        # Drafts that nobody verifies would cost the nodes 3 ms of CPU a page.
        yield (
            config
            if _verifies_drafts(config)
            else replace(config, engine=replace(config.engine, drafts="off"))
        )
    finally:
        ray.shutdown()


def _verifies_drafts(config: Config) -> bool:
    """Whether the cluster's engines will verify drafts, which depends on their GPUs: one is asked."""
    if config.engine.backend != "vllm" or not _total("GPU"):
        return False
    if config.engine.drafts != "auto":
        return config.engine.drafts == "always"
    ray = _ray()
    asked = ray.remote(num_cpus=0, num_gpus=config.cluster.gpus_per_engine)(nodes.verifies_drafts)
    try:
        return bool(ray.get(asked.remote(config), timeout=_ASK_S))
    except Exception as error:  # noqa: BLE001 - the engines will say what is wrong there
        logger.debug("no engine of the cluster says whether it verifies drafts: %s", error)
        return True


def _not_reached(address: str, error: Exception) -> str:
    words = printable(str(error).strip().partition("\n")[0])
    if "authentication" in words.lower():
        words = "it asks for a token, and none was found here"
    return (
        f"cluster.address: {address}: {words}; start one with `ray start --head`, or set"
        " cluster.address: local. Where a cluster was started with a token, RAY_AUTH_MODE=token and the same"
        " ~/.ray/auth_token are needed here too"
    )


def _reach(address: str) -> None:
    """Raises OSError soon where nobody listens: Ray itself goes on trying for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _ray() -> Any:
    try:
        ray = importlib.import_module("ray")
        importlib.import_module("ray.data")
    except ImportError:
        raise UsageError("cluster.backend: ray needs Ray: pip install 'ray[data]' on every node") from None
    return ray


def _total(resource: str) -> float:
    return float(_ray().cluster_resources().get(resource, 0))


def _nodes() -> list[dict[str, float]]:
    """The resources of every node that is alive."""
    return [node["Resources"] for node in _ray().nodes() if node["Alive"]]


def room_for_engines(resources: Iterable[Mapping[str, float]], gpus: float) -> tuple[int, float]:
    """How many engines the GPUs of these nodes hold, and the CPU cores beside each where they are fewest.

    An engine's fraction of a GPU is of one GPU: with 0.4 two share one, and a fifth of each is left over.
    """
    engines, cpus = 0, math.inf
    for node in resources:
        have = int(node.get("GPU", 0))
        here = have * int(1 / gpus + _ROUNDING) if gpus <= 1 else int(have / gpus)
        if here:
            engines, cpus = engines + here, min(cpus, node.get("CPU", 0) / here)
    return engines, cpus


def cpus_for_engines(wanted: float, engines: int, cpus: float, beside: float = math.inf) -> float:
    """CPU cores to set aside for each engine: less than asked for where that would leave none to render.

    `cpus` are those of the cluster, `beside` those that an engine's own node has for it.
    """
    most = min(beside, max(0.0, (cpus - _RENDER_CPUS) / engines))
    if wanted > most:
        logger.warning(
            "%g CPU cores are set aside for each engine, not cluster.cpus_per_engine (%g): the cluster has %g"
            " for rendering and %d engine%s", most, wanted, cpus, engines, "" if engines == 1 else "s",
        )  # fmt: skip
    return min(wanted, most)


def open_all(config: Config, documents: Sequence[Document]) -> Iterator[Opened]:
    """Open documents on the cluster, in any order. Raises as `_through`."""
    rows = [nodes.packed(document) for document in documents]
    stream = _dataset(rows, per_block=4).map(partial(nodes.open_document, config=config), num_cpus=0.5)
    return _through(stream)


def read_all(config: Config, family: str, pages: Sequence[SentPage]) -> Iterator[Result]:
    """Read pages on the cluster, in any order: CPU tasks around a pool of engines. Raises as `_through`."""
    cluster = config.cluster
    on_gpus = config.engine.backend == "vllm" and _total("GPU") > 0
    room, beside = room_for_engines(_nodes(), cluster.gpus_per_engine) if on_gpus else (1, math.inf)
    most = cluster.engines or room
    if not most:
        raise EngineError(
            f"cluster.gpus_per_engine: {cluster.gpus_per_engine:g}: no node has so many; lower it"
        )
    blocks = _blocks(len(pages), cluster.pages_per_task)
    stream = (
        _dataset([nodes.packed(page) for page in pages], cluster.pages_per_task)
        # Steps that ask for different things are not fused. Fused, which Ray does where both ask for as many
        # CPU cores, the engines' actors would render all pages themselves.
        .map(partial(nodes.prepare, config=config, family=family), num_cpus=_RENDER_CPUS, memory=_NOT_FUSED)
        .map(
            nodes.ReadPages,
            fn_constructor_kwargs={"config": config, "family": family},
            compute=engine_pool(cluster, min(most, blocks)),
            num_cpus=cpus_for_engines(cluster.cpus_per_engine, most, _total("CPU"), beside),
            num_gpus=cluster.gpus_per_engine if on_gpus else 0,
        )
        .map(partial(nodes.draw, config=config), num_cpus=0.5)
    )
    return _through(stream)


def engine_pool(cluster: ClusterConfig, engines: int) -> Any:
    """The actors of so many engines, each with pages to go on with.

    No fewer at any time: Ray Data would end engines that have little to do, as all have until the first pages
    are rendered, and start them again only where more wait than it lets wait.
    """
    from ray.data import ActorPoolStrategy

    at_once = _blocks(cluster.pages_per_engine, cluster.pages_per_task)
    return ActorPoolStrategy(
        size=engines,
        max_tasks_in_flight_per_actor=at_once + _ENGINE_BLOCKS,
        max_concurrent_calls_per_actor=at_once,
    )


def _dataset(rows: list[nodes.Row], per_block: int) -> Any:
    return _ray().data.from_items(rows, override_num_blocks=_blocks(len(rows), per_block))


def _blocks(rows: int, per_block: int) -> int:
    return max(1, -(-rows // per_block))


def _through(stream: Any) -> Iterator[Any]:
    """What comes out of a stream.

    Raises:
        EngineError: a node could not do its part; with the cause that it met.
        ClusterLostError: the cluster failed.
    """
    from ray.exceptions import UserCodeException

    try:
        for row in stream.iter_rows():
            yield nodes.unpacked(row)
    except UserCodeException as error:
        raise EngineError(f"the Ray cluster failed: {printable(cause(error))}") from error
    except Exception as error:  # Ray Data has errors of its own beside Ray's
        raise ClusterLostError(f"the Ray cluster failed: {printable(cause(error))}") from error


def cause(error: BaseException) -> str:
    """The last line that names an error says what it was; Ray puts its advice after it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if _ERROR_LINE.match(line)]
    return (named or lines or [type(error).__name__])[-1]
