"""A run on any number of GPUs, page by page in simulated time: storage, renderers, engines, who writes.

Each station serves in order of arrival. An engine holds a batch of pages and gives each the time that keeps
its measured rate; it dies at random, loses its batch and comes back after a restart. No page is lost.
"""

import heapq
import random
from dataclasses import dataclass, replace
from typing import NamedTuple

from ocr_engine.capacity.costs import PageCosts
from ocr_engine.conversion import writing_processes
from ocr_engine.pages.pool import MAX_WORKERS

DAY_S = 86_400.0
BATCH = 256


@dataclass(frozen=True, slots=True)
class Site:
    """What a run has: GPUs, CPU cores a GPU, storage, drivers (runs side by side, each on its share)."""

    gpus: int
    cores_per_gpu: float = 16.0
    storage_gb_per_s: float = 2.0
    drivers: int = 1
    engine_cores: float = 0.0
    """What an engine's process keeps busy."""
    hours_between_failures: float = 500.0
    """Mean hours until an engine dies."""
    restart_s: float = 90.0

    @property
    def renderers(self) -> float:
        """Cores that engines leave for rendering; each driver starts so many workers at most."""
        left = self.gpus * (self.cores_per_gpu - self.engine_cores)
        return max(1.0, min(left, self.drivers * MAX_WORKERS))

    @property
    def writers(self) -> int:
        """Processes that write, of all drivers."""
        return self.drivers * writing_processes.wanted(int(self.gpus * self.cores_per_gpu / self.drivers))

    def driver_s(self, costs: PageCosts) -> float:
        """A page in the main process; a driver of one GPU has the engine's front end in it."""
        return costs.driver_s + (costs.front_end_s if self.gpus <= self.drivers else 0.0)


@dataclass(frozen=True, slots=True)
class Load:
    """The corpus: an average page, its bytes, and how much the pages' answers differ (log-normal)."""

    costs: PageCosts
    bytes_per_page: float = 100_000.0
    spread: float = 0.6


class StationRates(NamedTuple):
    """Pages a second that each station could do if the others cost nothing."""

    storage: float
    renderers: float
    engines: float
    writer: float
    driver: float

    @property
    def bottleneck(self) -> str:
        """The slowest station."""
        return min(zip(self, self._fields, strict=True))[1]


@dataclass(frozen=True, slots=True)
class SimulatedRun:
    """What a simulated run gave. `steady_pages_per_s` leaves out the start and the tail."""

    pages: int
    seconds: float
    steady_pages_per_s: float
    failures: int
    bottleneck: str

    @property
    def pages_per_day(self) -> float:
        """At the steady rate."""
        return self.steady_pages_per_s * DAY_S


def rates(site: Site, load: Load) -> StationRates:
    """The bound of each station."""
    costs = load.costs
    alive = 1 / (1 + site.restart_s / (site.hours_between_failures * 3600))
    return StationRates(
        storage=site.storage_gb_per_s * 1e9 / load.bytes_per_page,
        renderers=site.renderers / costs.cpu_s,
        engines=site.gpus * alive / costs.gpu_s,
        writer=site.writers / costs.writer_s,
        driver=site.drivers / site.driver_s(costs),
    )


def simulate(site: Site, load: Load, pages: int, seed: int = 0) -> SimulatedRun:
    """`pages` pages through all stations, all there at the start."""
    chance = random.Random(seed)
    costs = load.costs
    fetch_s = load.bytes_per_page / (site.storage_gb_per_s * 1e9)
    ready = [fetch_s * (number + 1) for number in range(pages)]
    ready = _station(ready, max(1, round(site.renderers)), costs.cpu_s)
    ready, failures = _engines(site, load, ready, chance)
    ready = _station(sorted(ready), site.writers, costs.writer_s)
    ends = _station(ready, site.drivers, site.driver_s(costs))
    first, last = ends[pages // 10], ends[pages * 7 // 10]
    steady = (pages * 7 // 10 - pages // 10) / max(last - first, 1e-9)
    return SimulatedRun(pages, ends[-1], steady, failures, rates(site, load).bottleneck)


def _station(arrivals: list[float], servers: int, service_s: float) -> list[float]:
    """When pages that arrive in this order leave a station of equal servers."""
    free = [0.0] * servers
    ends = []
    for arrival in arrivals:
        end = max(arrival, heapq.heappop(free)) + service_s
        heapq.heappush(free, end)
        ends.append(end)
    return sorted(ends)


def _engines(site: Site, load: Load, arrivals: list[float], chance: random.Random) -> tuple[list[float], int]:
    """The same for engines of BATCH places each, that die and lose what they hold."""
    mean_s = BATCH * load.costs.gpu_s
    shift = -load.spread * load.spread / 2
    deaths = [_next_death(site, 0.0, chance) for _ in range(site.gpus)]
    free = [(0.0, gpu) for gpu in range(site.gpus) for _ in range(BATCH)]
    heapq.heapify(free)
    waiting = [(arrival, number) for number, arrival in enumerate(arrivals)]
    heapq.heapify(waiting)
    ends: list[float] = []
    failures = 0
    while waiting:
        arrival, number = heapq.heappop(waiting)
        place_free, gpu = heapq.heappop(free)
        start = max(arrival, place_free)
        if start >= deaths[gpu] + site.restart_s:
            deaths[gpu] = _next_death(site, start, chance)
            failures += 1
        end = start + mean_s * chance.lognormvariate(shift, load.spread)
        if end > deaths[gpu]:
            # The place is lost until the engine is back, the page goes to whoever is free.
            heapq.heappush(free, (deaths[gpu] + site.restart_s, gpu))
            heapq.heappush(waiting, (max(start, deaths[gpu]), number))
            continue
        heapq.heappush(free, (end, gpu))
        ends.append(end)
    return ends, failures


def _next_death(site: Site, now_s: float, chance: random.Random) -> float:
    return now_s + chance.expovariate(1 / (site.hours_between_failures * 3600))


def enough_drivers(site: Site, load: Load) -> Site:
    """The site with as many drivers as keep their processes from being the bottleneck."""
    sites = (replace(site, drivers=drivers) for drivers in range(1, site.gpus))
    return next((one for one in sites if _is_enough(one, load)), replace(site, drivers=site.gpus))


def _is_enough(site: Site, load: Load) -> bool:
    """Whether another driver would change nothing."""
    more = replace(site, drivers=site.drivers + 1)
    return min(rates(more, load)) <= min(rates(site, load))
