"""The training loop: a wall-clock budget, several GPUs, checkpoints to continue from, weights to take away.

Start one process per GPU with torchrun (`research.train_nano`). Progress runs from 0 to 1 over the
budget and decides pages, modes, learning rate and the weights of the training-only losses.
"""

import json
import multiprocessing
import os
import shutil
import signal
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from tokenizers import Tokenizer
from torch import Tensor

from research.nano.model.model import NanoOcr
from research.nano.model.shape import TINY, Shape
from research.nano.model.tokenizer import train_tokenizer
from research.nano.pages.assets import FOLDER
from research.nano.pages.text import load_corpus
from research.nano.tools.evaluate import TRIAL_SEED, TRIALS, Trial, draw_trial, evaluate
from research.nano.training import feed
from research.nano.training.export import has_heads, official_state, save_shards, start_from, training_heads
from research.nano.training.faster import compile_encoder, profiled
from research.nano.training.feed import Feed, Pages
from research.nano.training.mixture import MIXTURES
from research.nano.training.optim import optimizers
from research.nano.training.samples import Sample
from research.nano.training.schedule import Plan, budget_s, loss_weights, rate

CONTROL_STEPS = 10
"""Steps between two agreements of the processes on progress and what to do."""
PROFILED_STEP = 10 * CONTROL_STEPS
"""The first step that `Plan.profile` looks at, after the GPU's libraries have settled."""


@dataclass(frozen=True)
class Place:
    """Where this process runs."""

    rank: int
    world: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Return whether this process writes files and logs."""
        return self.rank == 0


def find_place() -> Place:
    """Read torchrun's variables; call only after worker processes have been started."""
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    if not torch.cuda.is_available():
        return Place(rank, world, torch.device("cpu"))
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    torch.cuda.set_device(device)
    if world > 1:
        dist.init_process_group("nccl", device_id=device)
    return Place(rank, world, device)


class Trainer:
    """Owns the model, its optimizers and the files of one run."""

    def __init__(self, plan: Plan, place: Place, stream: Feed, progress: Any) -> None:
        self.plan, self.place, self.stream, self.shared = plan, place, stream, progress
        self.tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
        torch.manual_seed(plan.seed)
        model = NanoOcr(TINY if plan.tiny else Shape())
        if plan.init is not None and not plan.resume:
            start_from(model, plan.init, self.tokenizer)
        self.model = model.to(place.device)
        self.optimizers = optimizers(self.model, plan.lr)
        self.step, self.spent = 0, plan.spent
        if plan.resume:
            self._restore()
        self.first = self.step
        self.has_heads = plan.resume or (plan.init is not None and has_heads(plan.init))
        torch.manual_seed(plan.seed + 1 + place.rank + self.step)
        self.network: Any = self.model
        if place.world > 1:
            self.network = torch.nn.parallel.DistributedDataParallel(
                self.model, device_ids=[place.device.index], gradient_as_bucket_view=True,
                broadcast_buffers=False,
            )  # fmt: skip
        # Compiling is not part of the budget; its note says how long it took.
        self.started = time.monotonic()
        if plan.compile:
            self.note({"compiled": compile_encoder(self.model, place.device, plan.share)})
            self.started = time.monotonic()
        self.seconds = budget_s(plan, self.spent, time.time())
        self.saved = self.judged = self.noted = self.started
        self.asked_to_stop = False
        self.sums: dict[str, list[Tensor]] = {}
        self.trials = [(t, self._samples(t, plan.eval_pages)) for t in self._own(TRIALS[:4])]

    def _own(self, trials: tuple[Trial, ...]) -> list[Trial]:
        return list(trials[self.place.rank :: self.place.world])

    def _samples(self, trial: Trial, pages: int) -> list[Sample]:
        return draw_trial(trial, pages, self.tokenizer, seed=TRIAL_SEED)

    def _restore(self) -> None:
        kept = torch.load(self.plan.checkpoint, map_location="cpu", weights_only=True)
        self.model.load_state_dict(kept["model"])
        for optimizer, state in zip(self.optimizers, kept["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.step, self.spent = kept["step"], kept["spent"]

    def elapsed(self) -> float:
        """Return the seconds trained, earlier segments included."""
        return self.spent + time.monotonic() - self.started

    def save(self, *, whole: bool) -> None:
        """Write the weights as shards, and the checkpoint when whole; each replaced at once."""
        if not self.place.leads:
            return
        fresh, final = self.plan.out / "weights.new", self.plan.out / "weights"
        save_shards(official_state(self.model) | training_heads(self.model), fresh)
        shutil.rmtree(final, ignore_errors=True)
        fresh.rename(final)
        if whole:
            states = [o.state_dict() for o in self.optimizers]
            kept = {"model": self.model.state_dict(), "optimizers": states}
            part = self.plan.checkpoint.with_suffix(".part")
            torch.save({**kept, "step": self.step, "spent": self.elapsed()}, part)
            part.replace(self.plan.checkpoint)

    def note(self, record: dict[str, Any]) -> None:
        """Append a record to log.jsonl and show its numbers."""
        if not self.place.leads:
            return
        record = {"s": round(self.elapsed(), 1), "step": self.step, **record}
        with (self.plan.out / "log.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")
        short = {k: v for k, v in record.items() if k not in ("errors", "example", "worst")}
        print(json.dumps(short), flush=True)

    def judge_all(self) -> None:
        """Evaluate every trial, one a process at a time, so that a run cut short has the first of them."""
        own = self._own(TRIALS)
        for turn in range(-(-len(TRIALS) // self.place.world)):
            self.judge([(t, self._samples(t, self.plan.final_pages)) for t in own[turn : turn + 1]])

    def judge(self, trials: list[tuple[Trial, list[Sample]]]) -> None:
        """Evaluate this process's trials and log everyone's."""
        limit = self.plan.answer_limit_tok
        own = [evaluate(self.model, self.tokenizer, t, s, limit) for t, s in trials]
        found: list[Any] = [own]
        if self.place.world > 1:
            found = [None] * self.place.world
            dist.all_gather_object(found, own)
        for result in (r for part in found for r in part):
            self.note(result)

    def stop(self, *_: object) -> None:
        """Let training end soon, with all saved; a signal handler."""
        self.asked_to_stop = True

    def agree(self) -> tuple[float, bool, bool]:
        """Let the leader decide progress, whether to evaluate, and whether to end before the time."""
        now = time.monotonic()
        due = now - self.judged > self.plan.eval_every_s
        values = torch.tensor([self.elapsed() / self.seconds, float(due), float(self.asked_to_stop)])
        values = values.to(self.place.device)
        if self.place.world > 1:
            dist.broadcast(values, 0)
        progress, judge, stop = values.tolist()
        self.shared.value = min(1.0, progress)
        return progress, bool(judge), bool(stop)

    def update(self, progress: float) -> None:
        """Take one optimizer step."""
        batch, steps = self.stream.next(self.place.device, progress), self.step - self.first
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate(self.plan, steps, progress) * group.get("scale", 1.0)
        cuda = self.place.device.type == "cuda"
        with torch.autocast(self.place.device.type, torch.bfloat16, enabled=cuda):
            loss, parts = self.network(batch, loss_weights(steps, progress, trained_heads=self.has_heads))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.sums.setdefault(batch.mode, []).append(parts)
        self.step += 1

    def report(self, progress: float) -> None:
        """Log mean losses by mode since the last report."""
        means = {
            mode: [round(v, 4) for v in torch.stack(parts).mean(0).tolist()]
            for mode, parts in self.sums.items()
        }
        steps, self.sums = sum(map(len, self.sums.values())), {}
        now = time.monotonic()
        speed, self.noted = steps / max(1e-3, now - self.noted), now
        world = self.place.world
        self.note(
            {
                "progress": round(progress, 4), "steps_per_s": round(speed, 2), **means,
                "drawn": feed.counts(self.stream.drawn, world),
                "fed": feed.counts(self.stream.fed, world),
            }
        )  # fmt: skip

    def run(self) -> None:
        """Train until the budget is spent, then save and evaluate once more; on SIGTERM only save."""
        signal.signal(signal.SIGTERM, self.stop)
        while True:
            progress, judge, stop = self.agree()
            if stop or progress >= 1:
                break
            if judge:
                self.judge(self.trials)
                self.judged = time.monotonic()
            due = self.plan.profile and self.step - self.first == PROFILED_STEP and self.place.leads
            with profiled(self.plan.out / "profile.txt") if due else nullcontext():
                for _ in range(CONTROL_STEPS):
                    self.update(progress)
            if time.monotonic() - self.noted > 10:
                self.report(progress)
            if time.monotonic() - self.saved > self.plan.save_every_s:
                self.save(whole=True)
                self.saved = time.monotonic()
        self.save(whole=True)
        self.note({"saved": True, "stopped": stop})
        if not stop and self.plan.final_pages:
            self.judge_all()
            self.note({"done": True})


def train(plan: Plan) -> None:
    """Run a plan in this process; worker processes are forked before CUDA is touched."""
    plan.out.mkdir(parents=True, exist_ok=True)
    plan.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    if not (FOLDER / "tokenizer.json").exists():
        train_tokenizer(FOLDER / "tokenizer.json")
    # The pages' workers are processes already.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    load_corpus()
    progress = multiprocessing.Value("d", 0.0)
    rank = int(os.environ.get("RANK", 0))
    seed = plan.seed * 100 + rank + (50 if plan.resume else 0)
    stream = Feed(Pages(seed, progress, MIXTURES[plan.mixture], plan.share), plan.workers, plan.uses)
    place = find_place()
    stream.start(place.device)
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    Trainer(plan, place, stream, progress).run()
    # Worker processes and NCCL threads would hold the exit up.
    os._exit(0)
