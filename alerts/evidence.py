"""What a piece of evidence says beyond its text."""

from alerts.plain import plain
from topics.records import Evidence


def as_what(evidence: Evidence) -> str:
    """ " as ORG", " as Q865", " as Q865, GPE": what its mention is, where the rule asks for that; else nothing."""
    asked = ", ".join(plain(what) for what in (evidence.entity, evidence.label) if what)
    return f" as {asked}" if asked else ""
