"""Which wirewatch this is."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def this_version() -> str:
    """The version of the installed package, "unknown" where it runs from files alone."""
    try:
        return version("wirewatch")
    except PackageNotFoundError:
        return "unknown"
