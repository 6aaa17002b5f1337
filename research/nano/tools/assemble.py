"""Joins the shards of a training run into one model folder in the official layout.

python -m research.nano.tools.assemble SHARDS FOLDER [--heads]

With --heads a file beside the model holds the training-only heads, for a further segment to start with.
"""

import hashlib
import sys
from pathlib import Path

from safetensors.torch import save_file
from tokenizers import Tokenizer

from research.nano.model.model import NanoOcr
from research.nano.model.shape import Shape
from research.nano.pages.assets import FOLDER
from research.nano.training.export import (
    load_official,
    official_state,
    read_weights,
    training_heads,
    write_model,
)

HEADS_FILE = "heads.safetensors"


def assemble(shards: Path, folder: Path, shape: Shape | None = None, *, heads: bool = False) -> str:
    """Check the shards against the model's shape, write the folder, return the weights' sha256.

    Raises KeyError when heads are asked of shards that have none.
    """
    shape, state, model = shape or Shape(), read_weights(shards), NanoOcr(shape or Shape())
    load_official(model, state)
    write_model(
        {name: state[name] for name in official_state(model)},
        shape,
        Tokenizer.from_file(str(FOLDER / "tokenizer.json")),
        folder,
    )
    if heads:
        save_file({name: state[name] for name in training_heads(model)}, folder / HEADS_FILE)
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


if __name__ == "__main__":
    print(assemble(Path(sys.argv[1]), Path(sys.argv[2]), heads="--heads" in sys.argv[3:]))
