"""Budgets of a run: when one is used up, the run takes no more pages and ends like an interrupted one."""

from ocr_engine.config import LimitsConfig


def used_up(limits: LimitsConfig, *, pages: int, failed: int, tokens: int, seconds: float) -> str:
    """Which limit is reached, in words; "" where none is.

    `pages` are those that ended in this run, `failed` those that failed, `tokens` what all of them hold.
    """
    if limits.failed_share and pages >= limits.failed_after and failed > limits.failed_share * pages:
        return (
            f"{failed:,} of {pages:,} pages failed: more than limits.failed_share ({limits.failed_share:g})"
        )
    if limits.hours and seconds >= 3600 * limits.hours:
        return f"the run has taken limits.hours ({limits.hours:g})"
    if limits.tokens and tokens >= limits.tokens:
        return f"limits.tokens ({limits.tokens:,}) are used up"
    return ""


def pages_used_up(limits: LimitsConfig, taken: int) -> str:
    """The same for the number of pages, of which none is begun beyond the limit."""
    return f"limits.pages ({limits.pages:,}) are used up" if limits.pages and taken >= limits.pages else ""
