import json
from dataclasses import replace
from pathlib import Path

import pytest

from ocr_engine.benchmark.cli import main
from ocr_engine.errors import InputError, UsageError
from ocr_engine.evaluation import fox, fox_report
from ocr_engine.evaluation.fox import FoxPage, PageScore
from ocr_engine.evaluation.meteor import MeteorMode

PAGE = "one two three four five six seven eight nine ten"


def scored(label: str, answer: str) -> tuple[fox.Measures, fox.Measures]:
    first, second = fox.tokens(label, answer)
    mode = MeteorMode.WITHOUT_SYNONYMS
    return (
        fox.measures(predicted=first, reference=second, mode=mode),
        fox.measures(predicted=second, reference=first, mode=mode),
    )


def test_official_precision_is_the_share_of_the_page_that_was_read() -> None:
    official, conventional = scored(PAGE, "one two three four")
    assert (official.precision, official.recall) == (0.4, 1.0)
    assert (conventional.precision, conventional.recall) == (1.0, 0.4)
    assert official.f_measure == conventional.f_measure


def test_extra_words_cost_official_recall_alone() -> None:
    official, _ = scored("a b c", "a b c x")
    assert (official.precision, official.recall) == (1.0, 0.75)


def test_sets_ignore_repetition_and_the_edit_distance_does_not(tmp_path: Path) -> None:
    official, _ = scored(PAGE, f"{PAGE} {PAGE}")
    assert (official.precision, official.recall, official.f_measure) == (1.0, 1.0, 1.0)
    (score,) = evaluated(tmp_path, [FoxPage("p.png", PAGE, None)], {"p": f"{PAGE} {PAGE}"})
    assert round(score.edit, 3) == 0.505


def test_lost_spaces_lose_everything() -> None:
    official, _ = scored(PAGE, PAGE.replace(" ", ""))
    assert official.f_measure == 0.0


def test_words_are_jieba_s_where_either_side_is_chinese() -> None:
    assert fox.tokens("你好世界", "x") == (["你好", "世界"], ["x"])
    assert fox.tokens("a,b c", "d") == (["a,b", "c"], ["d"])


def evaluated(tmp_path: Path, pages: list[FoxPage], answers: dict[str, str]) -> list[PageScore]:
    for stem, answer in answers.items():
        (tmp_path / f"{stem}.md").write_text(answer, encoding="utf-8")
    return fox.evaluate(pages, tmp_path, lambda text: len(text.split()) * 65, workers=1, quiet=True)


def test_an_empty_and_a_missing_answer_score_nothing_and_are_counted(tmp_path: Path) -> None:
    pages = [FoxPage(f"{name}.png", PAGE, None) for name in ("read", "empty", "gone")]
    scores = evaluated(tmp_path, pages, {"read": PAGE, "empty": " \n"})
    assert [score.official.f_measure for score in scores] == [1.0, 0.0, 0.0]
    summary = fox_report.summary(scores, 100)
    assert (summary["pages_missing"], summary["pages_empty"]) == (1, 2)
    assert summary["fox_official"]["precision"] == pytest.approx(1 / 3)


def test_pages_without_an_answer_and_files_of_no_page_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("read", "empty", "gone", "read", "later")
    turns = [{"from": "gpt", "value": PAGE}]
    entries = [{"image": f"{name}.png", "conversations": turns} for name in names]
    (tmp_path / "gt.json").write_text("\ufeff" + json.dumps(entries))
    for name, text in {"read": PAGE, "empty": "", "later": PAGE, "stranger": PAGE}.items():
        (tmp_path / f"{name}.md").write_text(text)
    options = ["--ground-truth", str(tmp_path / "gt.json"), "--predictions", str(tmp_path), "--limit", "4"]
    assert main(["--benchmark", "fox", *options, "--workers", "1"]) == 0
    said = capsys.readouterr().err
    assert "1 of 4 pages have no prediction file and score as empty: gone.png" in said
    assert "1 of 4 pages have an empty prediction: empty.png" in said
    assert "1 of 4 pages have an image name that stands more than once" in said
    assert "1 files belong to no page: stranger.md" in said


def test_bins_are_half_open_and_give_the_compression(tmp_path: Path) -> None:
    pages = [FoxPage("a.png", PAGE, None), FoxPage("b.png", "w " * 20, None)]
    scores = evaluated(tmp_path, pages, {"a": PAGE, "b": "w " * 20})
    exact = [replace(scores[0], text_tokens=count) for count in (600, 700)]
    assert [one.pages for one in fox.in_bins(exact, 100)[:2]] == [1, 1]
    bins = {(one.low, one.high): one for one in fox.in_bins(scores, 100)}
    assert [one.pages for one in bins.values() if one.in_paper] == [1, 0, 0, 0, 0, 0, 0]
    assert {low: one.pages for (low, _), one in bins.items() if not one.in_paper} == {1300: 1}
    assert bins[600, 700].compression == 6.5
    assert bins[600, 700].precision == 1.0


@pytest.mark.parametrize(
    ("text", "tokens"), [("tiny", 64), ("small", 100), ("base", 256), ("77", 77), (None, None)]
)
def test_vision_tokens_count_patches(text: str | None, tokens: int | None) -> None:
    assert fox_report.vision_tokens(text) == tokens


@pytest.mark.parametrize("text", ["gundam", "nothing"])
def test_modes_with_tiles_have_no_fixed_number(text: str) -> None:
    with pytest.raises(UsageError, match=text):
        fox_report.vision_tokens(text)


def test_the_report_plots_precision_against_compression(tmp_path: Path) -> None:
    scores = evaluated(tmp_path, [FoxPage("a.png", PAGE, None)], {"a": PAGE})
    report = fox_report.report([("small", scores, 100)])
    (png,) = report.plots.values()
    assert png.startswith(b"\x89PNG")
    assert fox_report.report([("small", scores, None)]).plots == {}


def test_the_file_format(tmp_path: Path) -> None:
    path = tmp_path / "en_page_ocr.json"
    turns = [{"from": "human", "value": "?"}, {"from": "gpt", "value": "text"}]
    path.write_text(json.dumps([{"image": "d/en_1.png", "len": 4, "conversations": turns}]))
    assert fox.load(path) == [FoxPage("en_1.png", "text", 4)]
    for broken in ("[]", "{", '[{"image": "x"}]', '[{"image": "x", "conversations": []}]'):
        path.write_text(broken)
        with pytest.raises(InputError, match="en_page_ocr") as raised:
            fox.load(path)
        assert "Error(" not in str(raised.value), "words, not Python"


def test_a_tokenizer_is_needed_to_count(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="tokenizer"):
        fox.token_counter(str(tmp_path))
