"""What is predicted for a corpus at one site: the rate of each station, hours, the parts of drivers."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ocr_engine.capacity import costs as cost_table
from ocr_engine.capacity import simulation
from ocr_engine.capacity.costs import Costs, GpuKind, Memory, PageCosts
from ocr_engine.capacity.sample import CorpusSample
from ocr_engine.capacity.simulation import Load, Site, StationRates
from ocr_engine.pages.sources import Refused
from ocr_engine.records import Document
from ocr_engine.sharing.shard import key_of

_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class CapacityPlan:
    """What is predicted for a corpus at one site."""

    sample: CorpusSample
    gpu: str
    site: Site
    page: PageCosts
    rates: StationRates
    memory: Memory
    largest_shard: float = 1.0
    """The part of the corpus that the largest of the drivers' shards is (`drivers.shard`), by its bytes."""

    @property
    def load(self) -> Load:
        """The corpus as the simulation takes it."""
        return Load(self.page, self.sample.work.bytes_per_page)

    @property
    def pages_per_s(self) -> float:
        """The slowest station's rate."""
        return min(self.rates)

    @property
    def hours(self) -> float:
        """From start to end, the engine's own start left out."""
        return self.sample.pages / self.pages_per_s / _HOUR_S

    @property
    def shard_hours(self) -> float:
        """The same with shards in place of claims: until the driver with the most to do has ended."""
        return self.hours * self.site.drivers * self.largest_shard

    @property
    def gpu_hours(self) -> float:
        """GPUs times hours."""
        return self.hours * self.site.gpus


def predict(sample: CorpusSample, costs: Costs, name: str, gpu: GpuKind, site: Site) -> CapacityPlan:
    """The prediction for a sampled corpus."""
    page = cost_table.page_costs(costs, sample.work, gpu.speed)
    memory = cost_table.memory(costs, sample.work, gpu.memory_gb)
    rates = simulation.rates(site, Load(page, sample.work.bytes_per_page))
    return CapacityPlan(sample, name, site, page, rates, memory)


def largest_shard(items: Iterable[Document | Refused], drivers: int) -> float:
    """The largest part of the bytes that one of so many shards has; 1 for one driver."""
    documents = [item for item in items if isinstance(item, Document)]
    shares = Counter({drivers: 0})
    for document in documents:
        shares[int(key_of(document), 16) % drivers] += max(1, document.size_bytes)
    return max(shares.values()) / sum(shares.values()) if documents else 1 / drivers
