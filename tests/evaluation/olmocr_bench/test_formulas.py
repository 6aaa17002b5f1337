from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_engine.evaluation.olmocr_bench import formulas
from ocr_engine.evaluation.olmocr_bench.formulas import RenderedSymbol, Rendering, shows


def rendered(*symbols: tuple[str, float, float], mathml: str = "") -> Rendering:
    """Symbols by their place in px, each character 10 wide and 10 high."""
    source = mathml or f"<math>{symbols}</math>"
    return Rendering(source, tuple(RenderedSymbol(text, x, y, 10 * len(text), 10) for text, x, y in symbols))


def mathml(body: str, source: str) -> str:
    return f"<math><semantics>{body}<annotation>{source}</annotation></semantics></math>"


def test_mathml_is_compared_without_spaces_and_source() -> None:
    wanted = rendered(("x", 0, 0), mathml=mathml("<mrow><mi>x</mi></mrow>", "x"))
    other = rendered(("y", 0, 0), mathml=mathml("<mrow> <mi>\u200bx</mi> </mrow>", "{x}"))
    assert shows(other, wanted)


def test_a_formula_within_a_longer_one_is_shown() -> None:
    wanted = rendered(mathml=mathml("<mi>x</mi>", "x"))
    longer = rendered(mathml=mathml("<mrow><mi>x</mi><mo>+</mo></mrow>", "x+"))
    assert shows(longer, wanted)
    assert not shows(rendered(("y", 0, 0)), rendered(("x", 0, 0)))


def test_symbols_must_have_the_same_neighbours() -> None:
    wanted = rendered(("a", 0, 0), ("b", 20, 0), ("c", 0, 30))
    assert shows(rendered(("z", 90, 90), ("a", 7, 7), ("b", 27, 9), ("c", 7, 50)), wanted)
    assert not shows(rendered(("b", 0, 0), ("a", 20, 0), ("c", 0, 30)), wanted), "left and right"
    assert not shows(rendered(("c", 0, 0), ("a", 0, 30), ("b", 20, 30)), wanted), "above and below"
    assert not shows(rendered(("a", 0, 0), ("b", 20, 6), ("c", 0, 30)), wanted), "not in one row"
    assert shows(rendered(("a", 0, 0), ("b", 20, 5), ("c", 5, 30)), wanted), "in one row, one column"


def test_the_nearest_counts() -> None:
    wanted = rendered(("a", 0, 0), ("b", 20, 0))
    assert not shows(rendered(("a", 0, 0), ("c", 10, 0), ("b", 20, 0)), wanted)


def test_each_symbol_needs_one_for_itself() -> None:
    twice = rendered(("x", 0, 0), ("x", 100, 100))
    assert not shows(rendered(("x", 0, 0)), twice)
    assert shows(rendered(("x", 7, 50), ("x", 200, 90)), twice)


def test_a_wrong_first_choice_is_taken_back() -> None:
    """The first `x` of the page stands beside no `y`; the second, and its own `x`, do."""
    wanted = rendered(("x", 0, 0), ("y", 20, 0), ("x", 40, 0), ("x", 500, 500))
    page = rendered(("x", 0, 90), ("y", 20, 90), ("z", 40, 90), ("x", 0, 0), ("y", 20, 0), ("x", 40, 0))
    assert shows(page, wanted)


def test_a_neighbour_is_the_very_symbol_that_was_placed() -> None:
    """`x` has `a` on its right, but `a` has another `x` on its left: rows differ from both sides."""
    page = rendered(("x", 0, 0), ("a", 100, 5), ("x", 50, 10), ("z", 70, 15))
    assert not shows(page, rendered(("x", 0, 0), ("a", 100, 0)))


def test_a_neighbour_that_is_placed_later_must_look_the_same() -> None:
    here = [("x", 0.0, 0.0), ("a", 100.0, 5.0), ("y", 50.0, 10.0)]
    assert shows(rendered(*here, mathml="<math>other</math>"), rendered(*here))
    assert not shows(rendered(*here, ("b", 30, 0)), rendered(*here))


def test_a_piece_is_divided_into_its_characters() -> None:
    assert shows(rendered(("a", 0, 0), ("b", 10, 0)), rendered(("a\u200b b", 0, 0)))
    assert not shows(rendered(("b", 0, 0), ("a", 10, 0)), rendered(("ab", 0, 0)))


def test_what_does_not_render_shows_nothing_and_a_wanted_one_that_does_not_is_shown_by_all() -> None:
    """As upstream: a test whose own formula is broken passes on any formula."""
    broken = Rendering("KaTeX parse error: \\foo")
    assert not shows(broken, rendered(("x", 0, 0)))
    assert shows(rendered(("x", 0, 0)), broken)


def test_a_search_without_end_is_given_up(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(formulas, "MAX_STEPS", 50)
    far = [("x", 100.0 * i, 100.0 * i) for i in range(40)]
    assert not shows(rendered(*far, ("y", 9000, 0)), rendered(*far, mathml="<math>other</math>"))


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 60), st.integers(0, 60)), max_size=12))
def test_every_rendering_shows_itself_wherever_it_stands(places: list[tuple[str, int, int]]) -> None:
    here = rendered(*places, mathml="<math>here</math>")
    moved = rendered(*((text, x + 300, y + 200) for text, x, y in places), mathml="<math>there</math>")
    assert shows(moved, here)
