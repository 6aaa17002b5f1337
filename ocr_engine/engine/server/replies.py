"""What a server may answer, as records: types, ranges and lengths are checked where JSON is decoded.

Fields that are not named here are skipped.
"""

from typing import Annotated

import msgspec

MAX_ANSWER_CHARS = 4 << 20
MAX_TOKENS = 1 << 17
"""Of an answer, whatever room a server claims to have: 16 times what the models were trained for."""
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 24)]
TokenId = Annotated[int, msgspec.Meta(ge=0, le=0x10FFFF)]
Byte = Annotated[int, msgspec.Meta(ge=0, le=255)]
TokenIds = Annotated[list[TokenId], msgspec.Meta(max_length=MAX_TOKENS)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class ServedModel(msgspec.Struct):
    """A model in `/v1/models`. An adapter (LoRA) has no length."""

    id: Name
    root: Name | None = None
    max_model_len: Annotated[int, msgspec.Meta(ge=1, le=1 << 24)] | None = None


class Cards(msgspec.Struct):
    """The answer of `/v1/models`."""

    data: list[ServedModel]


class Tokenized(msgspec.Struct):
    """The answer of `/tokenize`."""

    tokens: TokenIds


class Detokenized(msgspec.Struct):
    """The answer of `/detokenize`."""

    prompt: Annotated[str, msgspec.Meta(max_length=MAX_ANSWER_CHARS)]


class Message(msgspec.Struct):
    """The text of an answer, or the next of it."""

    content: str | None = None


class Scored(msgspec.Struct):
    """A token and the natural logarithm of its probability."""

    token: Annotated[str, msgspec.Meta(max_length=1024)]
    logprob: Annotated[float, msgspec.Meta(le=0.001)]
    bytes: Annotated[list[Byte], msgspec.Meta(max_length=1024)] | None = None

    @property
    def byte_length(self) -> int:
        """Bytes of its text."""
        return len(self.token.encode()) if self.bytes is None else len(self.bytes)


class Logprobs(msgspec.Struct):
    """Those of an answer or of a piece of one."""

    content: Annotated[list[Scored], msgspec.Meta(max_length=MAX_TOKENS)] | None = None


class Choice(msgspec.Struct):
    """An answer or a piece of one."""

    message: Message | None = None
    delta: Message | None = None
    finish_reason: str | None = None
    token_ids: TokenIds | None = None
    logprobs: Logprobs | None = None

    @property
    def scored(self) -> list[Scored]:
        """The new tokens' probabilities, as far as they are told."""
        return (self.logprobs.content if self.logprobs else None) or []

    @property
    def text(self) -> str:
        """What is new."""
        return ((self.message or self.delta or Message()).content) or ""


class Usage(msgspec.Struct):
    """The server's token counts."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None


class Fault(msgspec.Struct):
    """Why a server ended an answer that had begun."""

    message: str = ""


class Completion(msgspec.Struct):
    """A chat completion, or a piece of a streamed one."""

    choices: list[Choice] = []
    usage: Usage | None = None
    error: Fault | None = None
