"""A value that travels through processes as bytes: one that only hands it on does not unpickle it."""

import pickle
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")


class Sealed(Generic[T]):
    """A value, or its pickled bytes from another process of this run. Not for what strangers send."""

    __slots__ = ("_data", "_value")

    def __init__(self, value: T) -> None:
        """It is pickled when it is sent."""
        self._data: bytes | None = None
        self._value: T | None = value

    def opened(self) -> T:
        """The value. Raises what unpickling raises."""
        if self._value is None and self._data is not None:
            self._value = pickle.loads(self._data)  # noqa: S301 - of this run's own processes
        return self._value  # type: ignore[return-value]

    def __call__(self: "Sealed[Callable[P, R]]", *args: P.args, **kwargs: P.kwargs) -> R:
        """What a function that was sealed returns."""
        return self.opened()(*args, **kwargs)

    @property
    def nbytes(self) -> int:
        """Bytes that it has as a message; 0 where it was not one yet."""
        return len(self._data or b"")

    def __reduce__(self) -> tuple[Callable[[bytes], "Sealed[Any]"], tuple[bytes]]:
        if self._data is None:
            self._data = pickle.dumps(self._value, protocol=5)
        return _arrived, (self._data,)


def _arrived(data: bytes) -> Sealed[Any]:
    sealed: Sealed[Any] = Sealed(None)
    sealed._data = data
    return sealed
