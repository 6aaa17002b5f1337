"""What is wrong with a JSON file of a benchmark, said for people."""


def malformed(error: Exception) -> str:
    """The error that reading an entry raised, in words: what is missing, or what stands in its place."""
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is missing"
    if isinstance(error, StopIteration):
        return "a conversation without an answer"
    return str(error)
