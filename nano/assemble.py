"""Joins the shards of a training run into one model folder in the official layout.

python -m nano.assemble SHARDS FOLDER
"""

import hashlib
import sys
from pathlib import Path

from tokenizers import Tokenizer

from nano.assets import FOLDER
from nano.export import load_official, official_state, read_weights, write_model
from nano.model import NanoOcr
from nano.shape import Shape


def assemble(shards: Path, folder: Path, shape: Shape | None = None) -> str:
    """Check the shards against the model's shape, write the folder, return the weights' sha256."""
    shape, state, model = shape or Shape(), read_weights(shards), NanoOcr(shape or Shape())
    load_official(model, state)
    write_model(
        {name: state[name] for name in official_state(model)},
        shape,
        Tokenizer.from_file(str(FOLDER / "tokenizer.json")),
        folder,
    )
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


if __name__ == "__main__":
    print(assemble(Path(sys.argv[1]), Path(sys.argv[2])))
