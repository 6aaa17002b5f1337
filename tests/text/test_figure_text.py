"""What a figure says, under the figure and on its card."""

from ocr_engine.config import TextConfig
from ocr_engine.records import FigureText, PageStatus
from ocr_engine.text.figure_text import card_text, texts_by_name


def test_only_figures_that_say_something_have_a_text() -> None:
    readings = [
        FigureText("1.jpg", PageStatus.DONE, text="\n A chart. \n"),
        FigureText("2.jpg", PageStatus.DONE, text=" \n"),
        FigureText("3.jpg", PageStatus.FAILED, "refused"),
    ]
    assert texts_by_name(readings, TextConfig()) == {"1.jpg": "A chart."}


def test_text_options_apply() -> None:
    readings = [FigureText("1.jpg", PageStatus.DONE, text="\\(x\\)")]
    assert texts_by_name(readings, TextConfig(math_delimiters="dollar")) == {"1.jpg": "$x$"}


def test_chemical_formulas_are_code() -> None:
    readings = [FigureText("1.jpg", PageStatus.DONE, text="<smiles>C[C@H](*)_O_</smiles>")]
    assert texts_by_name(readings, TextConfig()) == {"1.jpg": "`C[C@H](*)_O_`"}


def test_cards_have_rows_and_no_markup() -> None:
    spans = '<table><tr><td colspan="2">wide</td></tr><tr><td>1</td><td>a &lt; b</td></tr></table>'
    assert card_text(spans) == "wide  \n1  a < b"
    assert card_text("<table><tr><td>a</td></tr></table>") == "| a |\n| --- |"
