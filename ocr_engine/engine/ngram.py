"""The n-gram guard: which token ids would repeat an n-gram within a window of the output.

`banned_tokens` is the plain official rule (`process/ngram_norepeat.py`); `NgramIndex` answers the same
in constant time a step. Token ids in, banned ids out; no tensors.
"""

from collections import deque
from collections.abc import Collection, Sequence

_Prefix = tuple[int, ...]


def banned_tokens(
    output_ids: Sequence[int], ngram_size: int, window_size: int, whitelist: Collection[int] = ()
) -> set[int]:
    """Ids that, coming next, would complete an n-gram that lies wholly in the last `window_size` ids.

    `output_ids` are generated ids only, without the prompt. `ngram_size` 0 bans nothing. With size 1
    every id of the window is banned (the official code compares with the whole output by mistake there).

    Raises:
        ValueError: a negative id, such as a scheduler's placeholder, or a negative size.
    """
    if ngram_size < 0 or window_size < 0:
        raise ValueError(f"n-gram size {ngram_size} and window {window_size} must not be negative")
    if any(token < 0 for token in output_ids):
        raise ValueError("negative token id in the output: a placeholder reached the n-gram guard")
    count = len(output_ids)
    if ngram_size == 0 or count < ngram_size:
        return set()
    prefix = tuple(output_ids[count - ngram_size + 1 :])
    banned = set()
    for start in range(max(0, count - window_size), count - ngram_size + 1):
        last = start + ngram_size - 1
        if tuple(output_ids[start:last]) == prefix:
            banned.add(output_ids[last])
    return banned - set(whitelist)


class NgramIndex:
    """The same rule, fed one token at a time.

    A map from each (n-1)-gram of the window to how often each id followed it; `append` adds the newest
    n-gram and drops the one that left the window, so a step costs O(n) whatever the window.
    """

    def __init__(self, ngram_size: int, window_size: int, whitelist: Collection[int] = ()) -> None:
        """Raises ValueError for a negative size or window."""
        if ngram_size < 0 or window_size < 0:
            raise ValueError(f"n-gram size {ngram_size} and window {window_size} must not be negative")
        self._size = ngram_size
        self._capacity = max(0, window_size - ngram_size + 1) if ngram_size else 0
        self._whitelist = frozenset(whitelist)
        self._tail: deque[int] = deque(maxlen=max(ngram_size, 1))
        self._ngrams: deque[tuple[_Prefix, int]] = deque()
        self._followers: dict[_Prefix, dict[int, int]] = {}

    def append(self, token: int) -> None:
        """Take the next generated id.

        Raises:
            ValueError: a negative id, such as a scheduler's placeholder.
        """
        if token < 0:
            raise ValueError("negative token id in the output: a placeholder reached the n-gram guard")
        self._tail.append(token)
        if self._capacity == 0 or len(self._tail) < self._size:
            return
        *prefix, last = self._tail
        self._add(tuple(prefix), last)
        if len(self._ngrams) > self._capacity:
            self._drop_oldest()

    def banned(self) -> set[int]:
        """Ids banned as the next token."""
        if self._capacity == 0 or len(self._tail) < self._size:
            return set()
        prefix = tuple(self._tail)[1:]
        return {token for token in self._followers.get(prefix, ()) if token not in self._whitelist}

    def _add(self, prefix: _Prefix, last: int) -> None:
        self._ngrams.append((prefix, last))
        followers = self._followers.setdefault(prefix, {})
        followers[last] = followers.get(last, 0) + 1

    def _drop_oldest(self) -> None:
        prefix, last = self._ngrams.popleft()
        followers = self._followers[prefix]
        followers[last] -= 1
        if not followers[last]:
            del followers[last]
        if not followers:
            del self._followers[prefix]
