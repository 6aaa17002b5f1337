from research.nano.tools.metrics import boxes, distance, is_loop, plain, read, summary

PAGE = "<|ref|>text<|/ref|><|det|>[[1, 2, 3, 40]]<|/det|>\nhello <b>you</b>"


def test_distance_counts_edits() -> None:
    assert distance("kitten", "sitting") == 3
    assert distance("", "abc") == distance("abc", "") == 3


def test_grounding_is_no_text() -> None:
    assert plain(PAGE) == "hello you"
    assert boxes(PAGE) == [(1, 2, 3, 40)]


def test_loops_are_told_from_prose() -> None:
    assert is_loop("A page. " + "and then he said " * 8)
    assert not is_loop("The quick brown fox jumps over the lazy dog, and the day goes on. " * 2)


def test_reading_sums_up() -> None:
    good = read(PAGE, PAGE, ended=True)
    bad = read(PAGE.replace("40", "44"), PAGE, ended=False)
    total = summary([good, bad])
    assert (good.error, good.boxes, bad.boxes) == (0, (0.0,), (1.0,))
    assert total["unended"] == 0.5 and total["median"] == 0
