"""`watch.metrics_port`: what a run is doing, for Prometheus. Read from its counters when someone asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ocr_engine.config import WatchConfig
from ocr_engine.conversion.pipeline import Conversion
from ocr_engine.conversion.tools import Tools
from ocr_engine.errors import UsageError
from ocr_engine.log import logger

if TYPE_CHECKING:
    from prometheus_client import Metric

PREFIX = "deepseek_ocr_"


@contextmanager
def served(watch: WatchConfig, conversion: Conversion, tools: Tools) -> Iterator[None]:
    """Answer at http://HOST:PORT/metrics while the block runs. Raises UsageError where the port is taken."""
    if not watch.metrics_port:
        yield
        return
    from prometheus_client import CollectorRegistry, start_http_server

    registry = CollectorRegistry()
    registry.register(_RunMetrics(conversion, tools))
    host, port = watch.metrics_host, watch.metrics_port
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        reason = f"{error.strerror or error}; choose another port, or end the program that uses it"
        raise UsageError(f"watch.metrics_port: {host}:{port}: {reason}") from None
    logger.info("metrics: http://%s:%d/metrics", host, port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _RunMetrics:
    """A collector of prometheus_client."""

    def __init__(self, conversion: Conversion, tools: Tools) -> None:
        self._conversion = conversion
        self._tools = tools

    def collect(self) -> "Iterator[Metric]":
        """Every metric with its present values."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        progress, counts = self._tools.progress, self._conversion.counts
        pages = CounterMetricFamily(f"{PREFIX}pages", "Pages read in this run, by status", labels=["status"])
        for status, number in progress.counts.items():
            pages.add_metric([status.value], number)
        yield pages
        stages = CounterMetricFamily(f"{PREFIX}stage_seconds", "Seconds of pages by stage", labels=["stage"])
        for stage, spent_s in dict(self._conversion.stage_s).items():
            stages.add_metric([stage], spent_s)
        yield stages
        for name, words, value in (
            ("pages_unchanged", "Pages that needed nothing", progress.unchanged),
            ("output_tokens", "Tokens of the pages read", progress.tokens),
            ("documents", "Documents opened", counts.documents),
            ("documents_unreadable", "Documents that could not be read", counts.unreadable),
            ("pages_retried", "Pages read more than once", counts.retried),
            ("pages_suspect", "Pages unlike their PDF's own text, or damaged", counts.suspect),
        ):
            yield CounterMetricFamily(PREFIX + name, words, value=value)
        queues = GaugeMetricFamily(f"{PREFIX}queue", "How much waits or is on its way", labels=["of"])
        for name, length in self._conversion.queues().items():
            queues.add_metric([name], length)
        yield queues
        for name, words, level in (
            ("pages_known", "Pages of the documents opened so far", progress.total),
            ("decode_tokens_a_step", "Tokens decoded at once, of pages with drafts", self._conversion.pace),
            ("stopping", "1 while the run takes no more pages", int(self._conversion.stopping)),
            ("elapsed_seconds", "Seconds since the start", progress.elapsed_s),
        ):
            yield GaugeMetricFamily(PREFIX + name, words, value=level)
