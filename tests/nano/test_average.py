import pytest
import torch

from nano.average import averaged

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
