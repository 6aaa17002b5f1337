"""The same corpus on 1 to 1,000 GPUs, simulated: a table and a drawing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from ocr_engine.capacity import simulation
from ocr_engine.capacity.prediction import CapacityPlan
from ocr_engine.errors import UsageError

SCALES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
_BATCHES = 5


@dataclass(frozen=True, slots=True)
class Scaled:
    """One line of the table over numbers of GPUs: with one driver, and with as many as it takes."""

    gpus: int
    one_driver: simulation.SimulatedRun
    drivers: int
    enough: simulation.SimulatedRun


def scaling(plan: CapacityPlan, numbers: Sequence[int]) -> Iterator[Scaled]:
    """Simulated runs of the same corpus on other numbers of GPUs."""
    load = plan.load
    # On a terminal alone: a thousand GPUs take seconds to simulate.
    for gpus in tqdm(numbers, "simulating", leave=False, unit="size", disable=None):
        site = replace(plan.site, gpus=gpus, drivers=1)
        pages = gpus * simulation.BATCH * _BATCHES
        more = simulation.enough_drivers(site, load)
        yield Scaled(
            gpus, simulation.simulate(site, load, pages), more.drivers, simulation.simulate(more, load, pages)
        )


def scaling_lines(table: Sequence[Scaled]) -> Iterator[str]:
    """The table as markdown."""
    yield "| GPUs | pages/day, one driver | first bottleneck | drivers | pages/day | first bottleneck |"
    yield "|---|---|---|---|---|---|"
    for row in table:
        yield (
            f"| {row.gpus:,} | {row.one_driver.pages_per_day / 1e6:,.2f} M | {row.one_driver.bottleneck} |"
            f" {row.drivers} | {row.enough.pages_per_day / 1e6:,.2f} M | {row.enough.bottleneck} |"
        )


def draw(table: Sequence[Scaled], path: Path) -> None:
    """Pages a day over GPUs, both axes logarithmic. Raises UsageError where the file cannot be written."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    gpus = [row.gpus for row in table]
    axes.loglog(gpus, [row.one_driver.pages_per_day for row in table], "o-", label="one driver")
    axes.loglog(gpus, [row.enough.pages_per_day for row in table], "s-", label="drivers as needed")
    axes.set_xlabel("GPUs")
    axes.set_ylabel("pages a day")
    axes.grid(alpha=0.3)
    axes.legend()
    try:
        figure.savefig(path, dpi=110)
    except (OSError, ValueError) as error:
        raise UsageError(f"--plot {path}: cannot be written: {error}") from None
