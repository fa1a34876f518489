"""What a check found: one line for a person, one object for a program."""

from collections.abc import Iterable

import msgspec

LEVELS = ("fine", "warning", "wrong")
"""`warning`: it works, and somebody should know. `wrong`: it will not work, or news will be lost."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`check` is what was looked at, `subject` which one of them; `remedy` says what to do where it is not fine."""

    check: str
    level: str
    message: str
    subject: str | None = None
    remedy: str | None = None


def fine(check: str, message: str, *, subject: str | None = None) -> Finding:
    return Finding(check=check, level="fine", message=message, subject=subject)


def warning(check: str, message: str, *, remedy: str | None = None, subject: str | None = None) -> Finding:
    return Finding(check=check, level="warning", message=message, subject=subject, remedy=remedy)


def wrong(check: str, message: str, *, remedy: str | None = None, subject: str | None = None) -> Finding:
    return Finding(check=check, level="wrong", message=message, subject=subject, remedy=remedy)


def worst(findings: Iterable[Finding]) -> str:
    """The highest level there is; "fine" for none."""
    return max((finding.level for finding in findings), key=LEVELS.index, default="fine")
