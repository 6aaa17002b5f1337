"""Weights whose answers no rounding changes, though every kernel does its work: to compare answers.

Random weights are near ties: a batch of another shape decides them anew, and two plain runs soon differ. Here
each token has one successor. Layers add so little to an embedding that it is still there at the end, and the
output layer's row of a token is the embedding of the one before it: the successor's logit is 25, others' stay
under 5. Experts are chosen by the token, as ever. Answers walk one ring of whole words, never end by
themselves, and their text makes the same tokens again. The last token of a prompt says where one begins.
"""

import random
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

_QUIET = 0.1
"""Of the usual spread of what a layer adds; embeddings have 50 times that of other weights."""


def ring(tokenizer: Tokenizer) -> list[int]:
    """Ids of words with a blank before them, each the next one's predecessor, in an order of no meaning."""
    vocabulary = sorted(tokenizer.get_vocab().values())
    texts = tokenizer.decode_batch([[number] for number in vocabulary], skip_special_tokens=False)
    words = [
        number
        for number, text in zip(vocabulary, texts, strict=True)
        if text[:1] == " " and text[1:].isalpha() and tokenizer.encode(text).ids == [number]
    ]
    random.Random(0).shuffle(words)
    return words


def stable(name: str, tensor: Tensor, words: list[int], std: float) -> Tensor:
    """A tensor of a checkpoint as such weights have it, in its own dtype; `std` is that of the others."""
    if name in ("model.embed_tokens.weight", "lm_head.weight"):
        embeddings = _embeddings(tensor, words)
        if name == "model.embed_tokens.weight":
            return embeddings
        follower, before = torch.tensor(words), torch.tensor([words[-1], *words[:-1]])
        return tensor.index_copy(0, follower, (embeddings[before].float() * std).to(tensor.dtype))
    if name.startswith("model.layers.") and name.endswith(("o_proj.weight", "down_proj.weight")):
        return tensor * _QUIET
    return tensor


def _embeddings(like: Tensor, words: list[int]) -> Tensor:
    """(vocabulary, width), spread 1. Tokens outside of the ring have the embedding of one within."""
    chance = torch.Generator().manual_seed(0)
    embeddings = torch.randn(like.shape, generator=chance).to(like.dtype)
    rows = torch.tensor(words)[torch.arange(len(like)) % len(words)]
    rows[torch.tensor(words)] = torch.tensor(words)
    return embeddings[rows]


def beginnings(folder: Path) -> list[str]:
    """What makes answers begin at different places of the ring: a page's prompt ends with one of these."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return [str(tokenizer.decode([word])) for word in ring(tokenizer)]


def begins_of_page(begins: Sequence[str], number: int) -> str:
    """A page's own one, far from that of the page before."""
    return begins[number * 1619 % len(begins)]
