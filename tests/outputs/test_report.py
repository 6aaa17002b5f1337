"""report.html: right numbers, nothing of a document acts in it, small whatever the journal, and useful."""

import re
import shlex
from collections.abc import Callable, Sequence
from html import unescape
from pathlib import Path

import pytest

from ocr_engine.outputs import charts, report, report_cards
from ocr_engine.outputs.journal import Journal
from ocr_engine.outputs.retry import Command, shell_word
from ocr_engine.outputs.run_numbers import MAX_PAGES_A_KIND, collect
from ocr_engine.outputs.worst_block import WorstBlock
from ocr_engine.records import JournalRow, PageStatus

MakeRow = Callable[..., JournalRow]
COMMAND = Command("batch_pdf.py", "out dir", ("papers",), ("--mode", "base"), ("--pages=1-9",))
HOSTILE = "</style><script>document.title='hacked'</script><img src=x onerror=alert(1)>\u202e'\"&"


def page(row: MakeRow, document: str = "a.pdf", number: int = 1, **other: object) -> JournalRow:
    extra = {"mode": "gundam", "vision_tokens": 100, "text_tokens": 50, "ended": 1000.0 + number}
    return row(document, number, **({"extra": extra} | other))


def rendered(root: Path, *rows: JournalRow, thumbnails: report_cards.Thumbnails | None = None) -> str:
    return report.render(root, collect(rows), COMMAND, thumbnails or {})


def test_numbers_are_of_the_last_rows(row: MakeRow) -> None:
    numbers = collect(
        [
            page(row),
            page(row, number=2, status=PageStatus.FAILED, reason="no", extra={}),
            page(row, "b.pdf", status=PageStatus.LOOPED, attempts=3),
            row("gone.pdf", None, status=PageStatus.FAILED, reason="not a PDF"),
            row("mended.pdf", None, status=PageStatus.FAILED, reason="was not a PDF"),
            page(row, "mended.pdf"),
        ]
    )
    assert (numbers.page_count, numbers.unreadable, numbers.again) == (4, 1, 1)
    assert numbers.statuses == {PageStatus.DONE: 2, PageStatus.FAILED: 1, PageStatus.LOOPED: 1}
    assert (numbers.vision_tok_sum, numbers.text_tok_sum) == (300, 150)
    assert list(numbers.ratios) == [0.5, 0.5, 0.5]
    assert set(numbers.documents) == {"a.pdf", "b.pdf", "mended.pdf"}
    assert [group.reason for group in numbers.top_groups()] == ["no", "(no reason given)", "not a PDF"]


def test_tokens_a_step_are_of_the_pages_that_had_drafts(row: MakeRow) -> None:
    extra = {"vision_tokens": 100, "text_tokens": 50}
    rows = [page(row, number=n, extra=extra | {"tokens_a_step": 2.0 + n}) for n in range(1, 4)]
    numbers = collect([*rows, page(row, number=9), page(row, number=10, extra={"tokens_a_step": "x"})])
    assert list(numbers.paces) == [3.0, 4.0, 5.0]


def test_junk_in_a_journal_line_is_no_number(row: MakeRow) -> None:
    extra = {"vision_tokens": "many", "text_tokens": -5, "ended": float("nan"), "mode": ["x"]}
    numbers = collect([page(row, extra=extra)])
    assert (numbers.vision_tok_sum, numbers.text_tok_sum, len(numbers.ended_s)) == (0, 0, 0)


def test_reasons_that_differ_in_numbers_are_one_group(row: MakeRow) -> None:
    rows = [
        page(row, number=n, status=PageStatus.TRUNCATED, reason=f"no end within {n},192 tokens")
        for n in range(1, 20)
    ]
    (group,) = collect(rows).top_groups()
    assert (group.count, len(group.pages), list(group.documents)) == (19, 8, ["a.pdf"])


def test_pages_unlike_their_own_text_are_shown(tmp_path: Path, row: MakeRow) -> None:
    extra = {"suspect": True, "recall": 0.31}
    numbers = collect([page(row, extra=extra), page(row, number=2, extra=extra | {"recall": 0.12})])
    assert numbers.suspect == 2
    assert [line.page for line in numbers.lines("suspect")] == [2, 1]
    text = rendered(tmp_path, page(row, extra=extra), page(row, number=2))
    assert "31% of the words of the PDF&#39;s own text were read" in text
    assert "<b>1</b><span>pages to look at</span>" in text


def test_the_worst_blocks_of_pages_unlike_their_own_text_are_shown(tmp_path: Path, row: MakeRow) -> None:
    recalls = {number: 0.9 - number / 100 for number in range(1, 30)}
    rows = [page(row, number=n, extra={"recall": recall}) for n, recall in recalls.items()]
    numbers = collect([*rows, page(row, number=40, extra={"recall": 1.0}), page(row, number=41)])
    wanted = [line.page for line in report_cards.wanted_blocks(numbers)]
    assert wanted == list(range(29, 29 - report_cards.MAX_UNLIKE_PAGES, -1)), "the worst, and not all of them"
    block = WorstBlock(HOSTILE, f"the host {HOSTILE}", f"the most {HOSTILE}", b"JPEG")
    worst = {("a.pdf", number): [block] for number in range(1, 50)}
    html = report.render(tmp_path, numbers, COMMAND, {}, worst=worst)
    assert html.count('class="group unlike"') == report_cards.MAX_UNLIKE_PAGES
    assert "<del>host</del>" in html and "<ins>most</ins>" in html and "39 % of its words" in html
    assert "<script" not in html and "onerror=alert(1)>" not in html and "\u202e" not in html
    assert 'class="group unlike"' not in report.render(tmp_path, numbers, COMMAND, {})


def test_how_sure_the_model_was_has_a_column_a_chart_and_stands_with_each_page(
    tmp_path: Path, row: MakeRow
) -> None:
    def rows(sure: Sequence[object]) -> list[JournalRow]:
        extra = {"mode": "base", "vision_tokens": 100, "text_tokens": 50}
        known = [{} if one is None else {"confidence": one} for one in sure]
        return [
            page(row, number=n, extra=extra | one, seconds={"total": 1.0}) for n, one in enumerate(known, 1)
        ]

    made = [*rows([0.5, 0.9, None]), page(row, "b.pdf", seconds={"total": 1.0})]
    text = rendered(tmp_path, *made)
    assert "How sure the model was" in text and ">sure</th>" in text and ">70.0 %</td>" in text
    assert text.count("% sure<") == 2 and " · 50 % sure" in text
    plain = rendered(tmp_path, *rows([None, None]))
    assert "% sure" not in plain and ">sure<" not in plain and "How sure" not in plain


def test_the_heaviest_pages_are_kept(row: MakeRow) -> None:
    rows = [page(row, number=n, seconds={"total": float(n % 97)}) for n in range(1, 300)]
    slowest = [line.seconds for line in collect(rows).lines("slowest")]
    assert slowest == sorted((float(n % 97) for n in range(1, 300)), reverse=True)[:MAX_PAGES_A_KIND]


def test_stages_stand_in_their_order_and_have_words(tmp_path: Path, row: MakeRow) -> None:
    seconds = {"total": 9.0, "figures": 1.0, "own": 2.0, "engine": 3.0, "render": 4.0}
    text = rendered(tmp_path, page(row, seconds=seconds))
    words = ("Render", "Model", "Figures read a second time", "Whole page, waiting included", "own")
    places = [text.index(f">{word}</t") for word in words]
    assert places == sorted(places)


def test_a_session_ends_where_half_an_hour_passes(row: MakeRow) -> None:
    ends = [100.0, 200.0, 5000.0, 5100.0, 5300.0]
    rows = [page(row, number=n, extra={"ended": at}) for n, at in enumerate(reversed(ends), 1)]
    assert list(collect(rows).session()) == ends[2:]
    assert list(collect([]).session()) == []


def test_the_report_shows_counts_commands_and_pictures(tmp_path: Path, row: MakeRow) -> None:
    html = rendered(
        tmp_path,
        page(row, "in/it's.pdf", 7, status=PageStatus.FAILED, reason="cannot load object"),
        page(row, "in/it's.pdf", 8, status=PageStatus.FAILED, reason="another"),
        *(page(row, number=n) for n in range(1, 5)),
        thumbnails={("in/it's.pdf", 7): b"JPEG"},
    )
    commands = [unescape(text) for text in re.findall(r'<code class="command">(.*?)</code>', html)]
    assert (
        commands[0] == "python batch_pdf.py papers --output 'out dir' --mode base --pages=1-9 --retry failed"
    )
    words = [
        "python",
        "batch_pdf.py",
        "in/it's.pdf",
        "--output",
        "out dir",
        "--mode",
        "base",
        "--pages=1-9",
        "--retry",
        "failed",
    ]
    assert shlex.split(commands[1]) == words
    assert "data:image/jpeg;base64,SlBFRw==" in html
    assert "failed <b>2</b> 33.3 %" in html and "cannot load object" in html


def test_a_document_that_cannot_be_opened_is_tried_again_by_any_run(tmp_path: Path, row: MakeRow) -> None:
    html = rendered(tmp_path, row("x.pdf", None, status=PageStatus.FAILED, reason="encrypted"))
    assert "python batch_pdf.py x.pdf --output &#39;out dir&#39; --mode base --pages=1-9</code>" in html
    assert "1 document</span>" in html


def test_nothing_of_a_document_acts(tmp_path: Path, row: MakeRow) -> None:
    (tmp_path / "run.json").write_text('{"config": {"mode": "</pre><script>1</script>"}, "model": {}}')
    html = rendered(
        tmp_path, page(row, HOSTILE, status=PageStatus.FAILED, reason=HOSTILE, extra={"mode": HOSTILE})
    )
    assert "<script" not in html and "<img src=x" not in html and "\u202e" not in html
    assert html.count("</style>") == 1
    assert "default-src 'none'" in html


def test_an_empty_journal_and_a_broken_run_file_still_make_a_report(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{nothing")
    assert "<b>0</b><span>pages</span>" in rendered(tmp_path)


def test_ten_thousand_pages_stay_small(tmp_path: Path, row: MakeRow) -> None:
    statuses = (PageStatus.DONE, PageStatus.FAILED, PageStatus.LOOPED)
    rows = (
        page(row, f"{n % 900}/{'x' * 100}.pdf", n, status=statuses[n % 3], reason="r" * (n % 500))
        for n in range(1, 10_001)
    )
    numbers = collect(rows)
    pictures = {(line.document, line.page): bytes(12_000) for line in report.wanted_thumbnails(numbers)}
    assert 12 < len(pictures) <= report.MAX_THUMBNAILS
    report.write(tmp_path, numbers, COMMAND, pictures)
    assert (tmp_path / report.NAME).stat().st_size < 5_000_000


def test_the_rate_chart_shows_the_rates() -> None:
    values, bin_s = charts.rates([0.0, 1.0, 2.0, 3.0, 90.0, 100.0], bins=2)
    assert (values, bin_s) == ([4 / 50, 2 / 50], 50.0)


def test_histograms_have_round_bins_that_hold_everything() -> None:
    data = charts.histogram([*range(1000), 1e6])
    assert data is not None and sum(data.counts) == 1001 and data.open_ended
    assert data.width == 50.0 and data.counts[0] == 50
    assert charts.histogram([]) is None
    zeros = charts.histogram([0.0, 0.0])
    assert zeros is not None and sum(zeros.counts) == 2


@pytest.mark.parametrize(
    ("word", "quoted"),
    [("plain", "plain"), ("it's", "'it'\"'\"'s'"), ("a\udcffb", "$'a\\xffb'"), ("a\n'b", "$'a\\x0a\\x27b'")],
)
def test_words_survive_a_shell(word: str, quoted: str) -> None:
    assert shell_word(word) == quoted


def test_it_is_read_from_a_journal_on_disk(tmp_path: Path, row: MakeRow) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append(page(row, status=PageStatus.FAILED))
    journal.append(page(row))
    assert report.read_numbers(journal).statuses == {PageStatus.DONE: 1}
    journal.close()
