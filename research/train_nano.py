"""Train the nano checkpoint: pages are drawn on the fly, weights and log.jsonl appear in --out.

One GPU:      python -m research.train_nano --out runs/nano --seconds 3600
Four GPUs:    python -m torch.distributed.run --nproc-per-node 4 -m research.train_nano ...
Continue:     the same command with --resume
Before:       python -m research.nano.pages.assets   (fonts and text from Debian packages)
One segment:  the same with --init MODEL_FOLDER --mixture base, for better reading of small type at base
After:        python -m research.nano.tools.assemble runs/nano/weights MODEL_FOLDER
"""

import argparse
from pathlib import Path

from research.nano.training.mixture import MIXTURES
from research.nano.training.schedule import Plan
from research.nano.training.train import train


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder for weights and log.jsonl")
    add("--seconds", type=float, required=True, help="wall-clock budget over all segments")
    add("--checkpoint", type=Path, help="optimizer state; default OUT/checkpoint.pt")
    add("--init", type=Path, help="folder of an earlier model to start from")
    add("--resume", action="store_true", help="continue from the checkpoint")
    add("--spent", type=float, default=0.0, help="seconds of the budget behind the weights of --init")
    add("--until", type=float, default=0.0, help="second of the epoch when all must be trained and saved")
    add("--lr", type=float, default=Plan.lr)
    add("--hold", type=float, default=Plan.hold, help="progress at which the learning rate starts to fall")
    add("--mixture", choices=sorted(MIXTURES), default=Plan.mixture, help="which pages are drawn")
    add("--seed", type=int, default=0)
    add("--workers", type=int, default=Plan.workers, help="page-drawing processes per GPU")
    add("--uses", type=int, default=Plan.uses, help="how often a batch may be used")
    add("--share", type=float, default=1.0, help="scale of the batch sizes")
    add("--compile", action="store_true", help="compile the encoder where that works and is faster")
    add("--profile", action="store_true", help="write where an early step's time goes to OUT/profile.txt")
    add("--tiny", action="store_true", help="a model of no use, for trying the script out")
    add("--eval-every-s", type=float, default=Plan.eval_every_s)
    add("--eval-pages", type=int, default=Plan.eval_pages)
    add("--final-pages", type=int, default=Plan.final_pages)
    add("--save-every-s", type=float, default=Plan.save_every_s)
    add("--answer-limit-tok", type=int, default=Plan.answer_limit_tok)
    options = vars(parser.parse_args())
    options["checkpoint"] = options["checkpoint"] or options["out"] / "checkpoint.pt"
    train(Plan(**options))


if __name__ == "__main__":
    main()
