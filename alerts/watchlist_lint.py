"""What in a watchlist is allowed and likely not meant so."""

from alerts.document import Node, Problem


def warnings(document: Node, file: str) -> list[Problem]:
    """Warnings about a document that has no errors."""
    return []
