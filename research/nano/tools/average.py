"""Averages two trained nanos tensor by tensor: a segment's end with the weights that it began with.

python -m research.nano.tools.average FIRST SECOND FOLDER --share 0.75

Weights that were trained on from one another lie in one valley of the loss, and a point between them is often
better than both (M. Wortsman et al., Model soups, 2022; "WiSE-FT", 2021): it keeps more of what the later
segment drew less of. Choose the share on pages of the training text, never on the trials'.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer
from torch import Tensor

from research.nano.model.shape import Shape
from research.nano.training.export import read_weights, write_model


def averaged(first: dict[str, Tensor], second: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """Return `share` of second and the rest of first, in the types of second.

    Raises ValueError where they are not of one shape, or share is not from 0 to 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"--share is {share:g}; it goes from 0, all of the first, to 1, all of the second")
    odd = [name for name in sorted(first.keys() | second.keys()) if _size(first, name) != _size(second, name)]
    if odd:
        sizes = _size(first, odd[0]), _size(second, odd[0])
        raise ValueError(f"{odd[0]} is {sizes[0]} in the first and {sizes[1]} in the second")
    return {
        name: (first[name].float() * (1 - share) + value.float() * share).to(value.dtype)
        for name, value in second.items()
    }


def _size(state: dict[str, Tensor], name: str) -> str:
    return "x".join(map(str, state[name].shape)) if name in state else "missing"


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a folder in the official layout, with the tokenizer of the second."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="how much of the second, 0 to 1")
    options = parser.parse_args(arguments)
    try:
        state = averaged(read_weights(options.first), read_weights(options.second), options.share)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"research.nano.tools.average: {error}")
    tokenizer = Tokenizer.from_file(str(options.second / "tokenizer.json"))
    write_model(state, Shape(), tokenizer, options.folder)


if __name__ == "__main__":
    main()
