"""The byte-level BPE of nano: numbers up to 999 and common grounding markup are single tokens."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from research.nano.pages.text import load_corpus, odd_word, words

VOCABULARY = 9216
BOS, EOS, PAD, IMAGE = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>", "<image>"
KINDS = (
    "text", "title", "sub_title", "list", "table", "image", "equation",
    "image_caption", "table_caption", "footnote",
)  # fmt: skip
SPECIAL = (BOS, EOS, PAD, IMAGE)
MARKUP = (
    "<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "<|grounding|>", "<td>", "</td>", "<tr>", "</tr>",
    *(f"<|ref|>{kind}<|/ref|><|det|>[[" for kind in KINDS),
    "]]<|/det|>\n", "]]<|/det|>\n# ", "]]<|/det|>\n## ", "<table><tr>", "</tr></table>", "</tr><tr>",
    "<|/ref|><|det|>[[", "\\(", "\\)", "\\[", "\\]",
)  # fmt: skip
PIECES = Regex(
    r"'(?:s|t|re|ve|m|ll|d)\b|(?<=\p{N}), (?=\p{N})|\p{N}{1,3}"
    r"| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)
"""The pieces that merges stay within: GPT-2's, with numbers cut at three digits and `, ` between them."""


def _training_text() -> Iterator[str]:
    corpus, rng = load_corpus(), random.Random(0)
    yield from corpus.prose
    yield from corpus.foreign
    for _ in range(6000):
        yield " ".join(words(rng, 60, corpus, kind=0.85))
        yield odd_word(rng, corpus)


def _pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(PIECES, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def _with_numbers(state: dict[str, Any], size: int) -> dict[str, Any]:
    """Give `, ` and every run of two or three digits a token, in place of the rarest merges."""
    model, digits = state["model"], "0123456789"
    pairs = [a + b for a in digits for b in digits]
    numbers = [",Ġ", *pairs, *(a + b for a in pairs for b in digits)]
    keep = sorted(model["vocab"], key=model["vocab"].__getitem__)
    keep = [t for t in keep if t not in set(numbers)][: size - len(numbers)]
    alive = {*keep, *numbers}
    merges = [m for m in model["merges"] if m[0] in alive and m[1] in alive and m[0] + m[1] in alive]
    merges = [m for m in merges if m[0] + m[1] not in set(numbers)]
    cuts = [(n, cut) for n in numbers for cut in range(1, len(n))]
    merges = [[n[:cut], n[cut:]] for n, cut in cuts] + merges
    model.update(vocab={t: i for i, t in enumerate(keep + numbers)}, merges=merges)
    return state


def train_tokenizer(path: Path, vocabulary: int = VOCABULARY) -> Tokenizer:
    """Learn the merges from the collected text and write tokenizer.json to path."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = _pre_tokenizer()
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(MARKUP) - 200,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_training_text(), trainer)
    state = _with_numbers(json.loads(tokenizer.to_str()), vocabulary - len(MARKUP))
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in MARKUP])
    path.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path))
    return tokenizer


def token_id(tokenizer: Tokenizer, token: str) -> int:
    """Return a token's number; KeyError where the vocabulary lacks it."""
    found = tokenizer.token_to_id(token)
    if found is None:
        raise KeyError(token)
    return int(found)


def answer_text(tokenizer: Tokenizer, ids: list[int]) -> str:
    """Decode generated ids up to the end of sequence."""
    end = tokenizer.token_to_id(EOS)
    ids = ids[: ids.index(end)] if end in ids else ids
    return str(tokenizer.decode(ids, skip_special_tokens=False))
