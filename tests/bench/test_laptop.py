"""The table of `bench.laptop`: what is counted, and from which text."""

from collections import Counter

from bench.laptop import STEPS, WRITTEN, Result, command, table
from ocr_engine.cli.arguments import PDF, load_config, parser


def page(errors: tuple[float, float, float], from_layer: bool) -> Result:
    words = Counter({"one": 2, "two": 1})
    read = {"off": Counter({"one": 1}), "words": Counter({"one": 2}), WRITTEN: words}
    return Result("page", words, read, dict(zip((*STEPS, WRITTEN), errors, strict=True)), from_layer)


def test_words_and_characters_of_each_step() -> None:
    lines = table([page((0.5, 0.4, 0.0), True), page((0.3, 0.2, 0.2), False)]).splitlines()
    assert lines[2] == "| off | 33.3% | 40.0% | 40.0% |"
    assert lines[3] == "| words | 66.7% | 30.0% | 30.0% |"
    assert lines[4].endswith("| 100.0% | 10.0% | 10.0% |")


def test_its_run_is_one_that_the_product_takes(tmp_path: object) -> None:
    words = command(__file__, str(tmp_path), "engine.replicas=1")[2:]  # type: ignore[arg-type]
    config = load_config(parser(PDF).parse_args(words))
    assert config.mode == "gundam"
    assert config.quality.retries == ()
