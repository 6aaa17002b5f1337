import pytest

from ocr_engine.evaluation.omnidocbench import normalise
from ocr_engine.evaluation.omnidocbench.teds import teds


def of(pred: str, gt: str) -> tuple[float, float]:
    found = teds(normalise.table(f"<table>{pred}</table>"), normalise.table(f"<table>{gt}</table>"))
    return found.full, found.structure


ROW = "<tr><td>a</td><td>b</td></tr>"


@pytest.mark.parametrize(
    ("pred", "full", "structure"),
    [
        (ROW * 2, 1.0, 1.0),
        (f"<thead>{ROW.replace('td', 'th')}</thead><tbody>{ROW}</tbody>", 1.0, 1.0),
        (ROW.replace("<td>", '<td colspan="1">') + ROW, 1.0, 1.0),
        (ROW, 0.5, 0.5),
        (ROW.replace("<td>a", "<td>x") + ROW, 1 - 1 / 6, 1.0),
        (ROW.replace("<td>a", '<td colspan="2">a') + ROW, 1 - 1 / 6, 1 - 1 / 6),
        (ROW.replace("<td>a", '<td colspan="a">a') + ROW, 0.0, 0.0),
        ("", 0.0, 0.0),
    ],
)
def test_against_two_rows(pred: str, full: float, structure: float) -> None:
    assert of(pred, ROW * 2) == (full, structure)


def test_bold_and_spaces_in_a_cell_cost() -> None:
    assert of("<tr><td><b>a</b></td></tr>", "<tr><td>a</td></tr>") == (pytest.approx(1 - (2 / 3) / 3), 1.0)
    assert of("<tr><td> A </td></tr>", "<tr><td>A</td></tr>")[0] < 1


@pytest.mark.parametrize(("pred", "gt"), [("", "<table></table>"), ("<p>", "<table></table>"), ("x", "y")])
def test_what_is_no_table_scores_nothing(pred: str, gt: str) -> None:
    assert teds(pred, gt).full == 0.0
