"""Text from outside, made safe to print on a terminal."""

import re

# ECMA-48: CSI with its parameters; OSC, DCS, SOS, PM and APC with their strings up to BEL or ST; other escapes. The
# 8-bit forms of the introducers (0x9b …) are control characters of their own.
_SEQUENCE = re.compile(
    "(?:\x1b\\[|\x9b)[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e]"
    "|(?:\x1b[\\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\\\|\x9c)"
    "|\x1b[\x20-\x2f]*[\x30-\x7e]?"
)
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# C0 and C1, what changes the direction of text (CVE-2021-42574), byte order marks, annotations and tags that no
# font shows. Joiners stay: Persian and emoji need them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_HIDDEN = re.compile("|".join(("[\r\x0b\x0c\x85\u2028\u2029]", _INVISIBLE.pattern, _SURROGATE.pattern)))


def plain(text: str, *, lines: bool = False) -> str:
    """`text` without escape sequences, control characters and bidi overrides.

    Line ends and tabs become spaces, unless `lines` keeps them. What is left can still be a program's markup: print
    it as text (`rich.text.Text`), not as markup.
    """
    text = _LINE_ENDS.sub("\n", _SEQUENCE.sub("", text))
    if not lines:
        text = text.replace("\n", " ").replace("\t", " ")
    return _SURROGATE.sub("\ufffd", _INVISIBLE.sub("", text))


def escaped(text: str) -> str:
    """`text` with all that `plain` takes away shown as an escape (`\\x1b`, `\\u202e`). Line feeds and tabs stay."""
    return _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
