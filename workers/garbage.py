"""Garbage collection for processes whose memory is mostly no garbage."""

import gc


def look_rarely() -> None:
    """For models, names, rules by the ten thousand, stories by the hundred thousand, which live as long as the process.

    Looking through them as often as by default costs `alert` a tenth, and makes new rules take twice as long.
    """
    gc.set_threshold(50_000, 20, 50)
