from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from research.nano.tools import average
from research.nano.tools.average import averaged
from tests.research.conftest import TOKENIZER

FIRST = {"a": torch.zeros(2), "b": torch.tensor([1.0, 2.0])}
SECOND = {"a": torch.ones(2).bfloat16(), "b": torch.tensor([3.0, 2.0]).bfloat16()}


@pytest.mark.parametrize(("share", "a", "b"), [(0.0, 0.0, 1.0), (0.25, 0.25, 1.5), (1.0, 1.0, 3.0)])
def test_a_share_of_the_second_is_taken(share: float, a: float, b: float) -> None:
    found = averaged(FIRST, SECOND, share)
    assert found["a"].tolist() == [a, a] and found["b"].tolist() == [b, 2.0]
    assert found["a"].dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("second", "share", "said"),
    [
        ({**SECOND, "b": torch.zeros(3)}, 0.5, "b is 2 in the first and 3 in the second"),
        ({"a": SECOND["a"]}, 0.5, "b is 2 in the first and missing in the second"),
        ({**SECOND, "c": torch.zeros(3)}, 0.5, "c is missing in the first"),
        (SECOND, 1.5, "--share is 1.5"),
        (SECOND, -0.1, "from 0"),
    ],
)
def test_what_cannot_be_averaged_is_said(second: dict[str, torch.Tensor], share: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        averaged(FIRST, second, share)


def test_folders_become_a_folder(tmp_path: Path) -> None:
    for name, state in (("a", FIRST), ("b", SECOND)):
        (tmp_path / name).mkdir()
        save_file(state, tmp_path / name / "model.safetensors")
        (tmp_path / name / "tokenizer.json").symlink_to(TOKENIZER)
    average.main([str(tmp_path / x) for x in "abc"])
    assert load_file(tmp_path / "c/model.safetensors")["a"].tolist() == [0.5, 0.5]
    assert (tmp_path / "c/config.json").exists() and (tmp_path / "c/tokenizer.json").exists()


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="nowhere: no .*safetensors"):
        average.main([str(tmp_path / "nowhere"), str(tmp_path), str(tmp_path / "c")])
