"""Which language an article is in: what it declares where that can be, else its script, else its letters.

Offline: py3langid's bundled model, loaded at the first use in a process (0.8 s).
"""

import re
from collections import Counter
from functools import cache, lru_cache
from typing import Any

from workers.article.twins import told_apart, twins

UNKNOWN = "und"
LOOKED_AT = 600
"""Characters from the beginning: enough to be sure, and 0.6 ms."""
SURE = 0.7
"""The least probability that a short text is believed at; on 2,203 headlines none above it was wrong."""
SURE_OF_TWINS = 0.95
"""As `SURE`, for languages easily taken for each other, where no word tells which it is."""
SURE_WHEN_LONG = 0.5
LONG = 150
"""Letters: about 200 characters."""
ENOUGH_TO_CONTRADICT = 10
"""Letters of another script that outweigh a declared language."""

# Addresses; arrows, dingbats, emoji with their variants and tags.
_NO_LANGUAGE = re.compile(
    r"(?:https?://|www\.)[!-~]+|(?<![!-?A-~])[!-?A-~]+@[!-~]+"
    r"|[\u2190-\u2bff\ufe00-\ufe0f\U0001f000-\U0001faff\U000e0000-\U000e007f]+"
)
# Soft hyphens, zero-width spaces, marks of direction. Zero-width joiners stay: they are letters to Persian.
_UNSEEN = dict.fromkeys(
    (0xAD, 0x61C, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF), None
)


def detect(text: str, *, declared: str | None = None) -> str:
    """The ISO 639-1 code of the text's language, "und" where it is too short or too mixed to say.

    `declared` may be a code of two or three letters, a tag ("en-US", "zh-Hans") or a name ("English"). It is believed
    unless the text is plainly in another script, or long enough to be sure that it is in another language: what is
    declared may be a system's default.
    """
    head = _plain(text[:LOOKED_AT])
    script, letters = _script(head)
    claimed = normalise(declared) if declared else None
    if claimed is None or (letters >= ENOUGH_TO_CONTRADICT and script not in _scripts_of(claimed)):
        return _guess(head, script, letters)
    return _contradiction(head, script, letters, claimed) or claimed


def _contradiction(text: str, script: str, letters: int, claimed: str) -> str | None:
    """The language that a long text is in where it is not the declared one, nor one easily taken for that."""
    if letters < LONG or claimed not in _LANGUAGES.get(script, ()):
        return None
    found = _guess(text, script, letters)
    return None if found in (UNKNOWN, *twins(claimed)) else found


def legible(text: str, language: str) -> bool:
    """Whether a text's letters are mostly in a script that the language is written in; one without any is."""
    script, letters = _script(_plain(text))
    return letters == 0 or script in _scripts_of(language)


@lru_cache(maxsize=1024)
def normalise(declared: str) -> str | None:
    """The ISO 639-1 code that a declared language means, None where there is none."""
    name = declared.strip().lower()
    first = re.split(r"[-_.@;, ]", name, maxsplit=1)[0]
    for candidate in (name, first):
        code = _ALIASES.get(candidate, candidate)
        if code in _codes():
            return code
    return _looked_up(first) or _looked_up(name)


@cache
def _codes() -> frozenset[str]:
    return frozenset(_CODES.split())


def _looked_up(name: str) -> str | None:
    """By pycountry's table: codes of three letters, English names. It takes a while to load, so only when needed."""
    if not 3 <= len(name) <= 40:
        return None
    import pycountry

    try:
        code = getattr(pycountry.languages.lookup(name), "alpha_2", None)
    except LookupError:
        return None
    return _ALIASES.get(code, code) if code else None


def _script(text: str) -> tuple[str, int]:
    """The script that most letters are in, and how many are. A letter of Han or kana weighs two: they are words."""
    if text.isascii():
        return "Latin", sum(map(str.isalpha, text))
    counts = Counter(_script_of(character) for character in text if character.isalpha())
    for script in ("Han", "Kana"):
        counts[script] *= 2
    if counts["Kana"] * 10 >= counts["Han"] > 0:  # Japanese: kana between the characters
        counts["Kana"] += counts.pop("Han")
    script, letters = max(counts.items(), key=lambda item: item[1], default=("", 0))
    return script, letters


@lru_cache(maxsize=4096)
def _script_of(character: str) -> str:
    code = ord(character)
    return next((script for script, ranges in _RANGES.items() if any(a <= code <= b for a, b in ranges)), "")


def _plain(text: str) -> str:
    """Without what is the same in every language, and characters that are not seen."""
    return _NO_LANGUAGE.sub(" ", text.translate(_UNSEEN))


def _guess(text: str, script: str, letters: int) -> str:
    languages = _LANGUAGES.get(script, ())
    if not languages or (script == "Han" and letters < 8):  # four characters may be Chinese or Japanese
        return UNKNOWN
    if len(languages) == 1:
        return languages[0] if letters >= 2 else UNKNOWN
    chances = _chances(text)
    best, chance = max(chances.items(), key=lambda item: item[1])
    if best not in languages and chance >= SURE:  # Latin, Luxembourgish, no language at all
        return UNKNOWN
    all_of_them = sum(chances[code] for code in languages) or 1.0
    return _likeliest(text, {code: chances[code] / all_of_them for code in languages}, letters)


def _chances(text: str) -> Counter[str]:
    """The model's probabilities; what it tells apart within a language is together here (nn: no, wuu: zh)."""
    chances: Counter[str] = Counter()
    for code, chance in _identifier().rank(text):
        chances[_ALIASES.get(code, code)] += chance
    return chances


def _likeliest(text: str, shares: dict[str, float], letters: int) -> str:
    best = max(shares, key=lambda code: shares[code])
    enough = SURE_WHEN_LONG if letters >= LONG else SURE
    family = twins(best)
    if family and (told := told_apart(text, best)):
        return told if sum(shares[code] for code in family) >= enough else UNKNOWN
    return best if shares[best] >= (SURE_OF_TWINS if family else enough) else UNKNOWN


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@cache
def _scripts_of(language: str) -> frozenset[str]:
    """The scripts that a language is written in; every script for those that we know nothing of."""
    scripts = {script for script, languages in _LANGUAGES.items() if language in languages}
    scripts.update(_ALSO.get(language, ()))
    return frozenset(scripts or _LANGUAGES)


_LATIN = (
    "af az bs ca cs cy da de en es et eu fi fr ga gl ha hr hu id is it lt lv mg ms mt nl no pl pt ro sk sl so sq sr sv"
    " sw tl tr uz vi yo zu"
)
_LANGUAGES: dict[str, tuple[str, ...]] = {
    "Latin": tuple(_LATIN.split()),
    "Cyrillic": ("be", "bg", "kk", "ky", "mk", "mn", "ru", "sr", "tg", "uk"),
    "Arabic": ("ar", "fa", "ps", "ug", "ur"),
    "Devanagari": ("hi", "mr", "ne"),
    "Bengali": ("as", "bn"),
    "Han": ("zh",),
    "Kana": ("ja",),
    "Hangul": ("ko",),
    "Thai": ("th",),
    "Greek": ("el",),
    "Hebrew": ("he",),
    "Armenian": ("hy",),
    "Georgian": ("ka",),
    "Ethiopic": ("am",),
    "Gurmukhi": ("pa",),
    "Gujarati": ("gu",),
    "Oriya": ("or",),
    "Tamil": ("ta",),
    "Telugu": ("te",),
    "Kannada": ("kn",),
    "Malayalam": ("ml",),
    "Sinhala": ("si",),
    "Lao": ("lo",),
    "Tibetan": ("bo",),
    "Burmese": ("my",),
    "Khmer": ("km",),
}
"""The languages to choose from in each script: those that news is written in and the model tells apart."""
_ALSO = {
    "ja": ("Han",),
    "ko": ("Han",),
    "kk": ("Latin",),
    "ku": ("Latin", "Arabic"),
    "az": ("Cyrillic",),
    "uz": ("Cyrillic",),
    "bs": ("Cyrillic",),
    "tk": ("Latin", "Cyrillic"),
    "tt": ("Cyrillic", "Latin"),
    "ms": ("Arabic",),
    "ha": ("Arabic",),
    "pa": ("Arabic",),
    "ti": ("Ethiopic",),
    "yi": ("Hebrew",),
    "dz": ("Tibetan",),
    "sa": ("Devanagari",),
    "sd": ("Arabic", "Devanagari"),
    "ks": ("Arabic", "Devanagari"),
}
"""Scripts besides those above that a declared language may come in."""
_RANGES: dict[str, tuple[tuple[int, int], ...]] = {
    "Latin": ((0x41, 0x24F), (0x1E00, 0x1EFF), (0xFF21, 0xFF5A)),
    "Cyrillic": ((0x400, 0x52F),),
    "Arabic": ((0x600, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC)),
    "Han": ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x3005, 0x3007), (0xF900, 0xFAFF), (0x20000, 0x323AF)),
    "Kana": ((0x3040, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F)),
    "Hangul": ((0xAC00, 0xD7A3), (0x1100, 0x11FF), (0x3130, 0x318F)),
    "Thai": ((0xE00, 0xE7F),),
    "Greek": ((0x370, 0x3FF), (0x1F00, 0x1FFF)),
    "Hebrew": ((0x590, 0x5FF), (0xFB1D, 0xFB4F)),
    "Armenian": ((0x530, 0x58F),),
    "Georgian": ((0x10A0, 0x10FF), (0x1C90, 0x1CBF)),
    "Ethiopic": ((0x1200, 0x139F),),
    "Devanagari": ((0x900, 0x97F),),
    "Bengali": ((0x980, 0x9FF),),
    "Gurmukhi": ((0xA00, 0xA7F),),
    "Gujarati": ((0xA80, 0xAFF),),
    "Oriya": ((0xB00, 0xB7F),),
    "Tamil": ((0xB80, 0xBFF),),
    "Telugu": ((0xC00, 0xC7F),),
    "Kannada": ((0xC80, 0xCFF),),
    "Malayalam": ((0xD00, 0xD7F),),
    "Sinhala": ((0xD80, 0xDFF),),
    "Lao": ((0xE80, 0xEFF),),
    "Tibetan": ((0xF00, 0xFFF),),
    "Burmese": ((0x1000, 0x109F),),
    "Khmer": ((0x1780, 0x17FF),),
}
"""Blocks of Unicode."""
_CODES = (
    "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en"
    " eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu"
    " ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my"
    " na nd ne ng nl no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so"
    " sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
)
"""ISO 639-1, but for the two written forms of Norwegian, which are "no" here."""
_ALIASES = {
    "nb": "no",
    "nn": "no",
    "iw": "he",
    "in": "id",
    "ji": "yi",
    "mo": "ro",
    "sh": "sr",
    "eng": "en",
    "english": "en",
    "cmn": "zh",
    "yue": "zh",
    "chinese": "zh",
    "mandarin": "zh",
    "cantonese": "zh",
    "中文": "zh",
    "日本語": "ja",
    "한국어": "ko",
    "русский": "ru",
    "deutsch": "de",
    "français": "fr",
    "español": "es",
    "castilian": "es",
    "português": "pt",
    "brazilian portuguese": "pt",
    "italiano": "it",
    "greek": "el",
    "farsi": "fa",
    "persian": "fa",
    "malay": "ms",
    "swahili": "sw",
    "norwegian": "no",
    "fil": "tl",
    "filipino": "tl",
    "arb": "ar",
    "zsm": "ms",
    "wuu": "zh",
    "ary": "ar",
    "arz": "ar",
    "uzs": "uz",
    "pes": "fa",
}
"""Retired codes, codes of a language's largest form, and names that pycountry's table lacks."""
