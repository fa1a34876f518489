"""Amounts of money and percentages.

A currency is certain by its code ("EUR"), by a sign or word that only one currency has ("€", "yen", "zloty"), or by
whose it is ("US$", "Australian dollars"). A bare "$" or "dollars" is the US dollar where the article is about the
United States and names no other country whose currency is written so; bare "rupees", "pounds", "francs", "pesos" or
"¥" have no value.
"""

import re
from decimal import Decimal

from workers.article.values.numerals import leading, one_of, plain, unhedged

_SIGNS = {"€": "EUR", "£": "GBP", "₹": "INR", "₽": "RUB", "₩": "KRW", "₺": "TRY", "₴": "UAH", "₦": "NGN", "₱": "PHP"}
_SIGNS |= {"฿": "THB", "₫": "VND", "₪": "ILS", "₸": "KZT", "₾": "GEL", "₵": "GHS", "৳": "BDT", "$": "$"}
_SIGNS |= {"US$": "USD", "U.S.$": "USD", "US $": "USD", "U.S. $": "USD", "A$": "AUD", "AU$": "AUD", "C$": "CAD"}
_SIGNS |= {
    "CA$": "CAD",
    "HK$": "HKD",
    "NZ$": "NZD",
    "S$": "SGD",
    "NT$": "TWD",
    "R$": "BRL",
    "MX$": "MXN",
    "CN¥": "CNY",
    "JP¥": "JPY",
}
_CODES = (
    "AED ARS AUD BDT BGN BRL CAD CHF CLP CNY COP CZK DKK EGP ETB EUR GBP GEL GHS HKD HUF IDR ILS INR JPY KES KRW KWD "
    "KZT LKR MAD MXN MYR NGN NOK NZD PEN PHP PKR PLN QAR RON RUB SAR SEK SGD THB TRY TWD TZS UAH UGX USD UZS VND ZAR"
)
_SIGNS |= {code: code for code in _CODES.split()} | {"RMB": "CNY"}
_UNITS = {
    "euro": "EUR",
    "euros": "EUR",
    "yen": "JPY",
    "yuan": "CNY",
    "renminbi": "CNY",
    "sterling": "GBP",
    "stg": "GBP",
}
_UNITS |= {"pounds sterling": "GBP", "pence": "GBP/100", "won": "KRW", "rouble": "RUB", "roubles": "RUB"}
_UNITS |= {"ruble": "RUB", "rubles": "RUB", "zloty": "PLN", "zlotys": "PLN", "forint": "HUF", "forints": "HUF"}
_UNITS |= {"baht": "THB", "ringgit": "MYR", "rupiah": "IDR", "shekel": "ILS", "shekels": "ILS", "hryvnia": "UAH"}
_UNITS |= {"hryvnias": "UAH", "kronor": "SEK", "rand": "ZAR", "reais": "BRL", "naira": "NGN", "taka": "BDT"}
_UNITS |= {"dong": "VND", "tenge": "KZT", "lari": "GEL", "birr": "ETB", "cedi": "GHS", "cedis": "GHS"}
_UNITS |= {"dollar": "$", "dollars": "$", "dlr": "$", "dlrs": "$", "cents": "$/100", "buck": "$", "bucks": "$"}
_WHOSE = {
    "dollar": {"us": "USD", "u.s.": "USD", "american": "USD", "australian": "AUD", "canadian": "CAD"}
    | {"hong kong": "HKD", "new zealand": "NZD", "singapore": "SGD", "taiwan": "TWD"},
    "cent": {"us": "USD/100", "u.s.": "USD/100", "euro": "EUR/100"},
    "pound": {"british": "GBP", "uk": "GBP", "egyptian": "EGP"},
    "rupee": {"indian": "INR", "pakistani": "PKR", "pakistan": "PKR", "sri lankan": "LKR"},
    "peso": {"mexican": "MXN", "argentine": "ARS", "chilean": "CLP", "colombian": "COP", "philippine": "PHP"},
    "franc": {"swiss": "CHF"},
    "lira": {"turkish": "TRY"},
    "won": {"south korean": "KRW", "korean": "KRW", "north korean": "KPW"},
    "rouble": {"russian": "RUB", "belarusian": "BYN"},
    "ruble": {"russian": "RUB", "belarusian": "BYN"},
    "yuan": {"chinese": "CNY"},
    "yen": {"japanese": "JPY"},
    "krona": {"swedish": "SEK"},
    "kronor": {"swedish": "SEK"},
    "krone": {"danish": "DKK", "norwegian": "NOK"},
    "kroner": {"danish": "DKK", "norwegian": "NOK"},
    "dirham": {"emirati": "AED", "uae": "AED", "moroccan": "MAD"},
    "riyal": {"saudi": "SAR", "qatari": "QAR"},
    "shilling": {"kenyan": "KES", "ugandan": "UGX", "tanzanian": "TZS"},
    "real": {"brazilian": "BRL"},
    "rand": {"south african": "ZAR"},
    "crown": {"czech": "CZK", "swedish": "SEK", "danish": "DKK", "norwegian": "NOK"},
    "koruna": {"czech": "CZK"},
}
_OWNED = {
    f"{whose} {unit}{plural}": code
    for unit, owners in _WHOSE.items()
    for whose, code in owners.items()
    for plural in ("", "s")
}


SIGN = one_of(_SIGNS)
"""What stands before an amount, for a pattern."""
UNIT = one_of(_UNITS | _OWNED)
"""What stands behind it."""

# Codes want their capitals: "TRY" is money, "try" is not.
_SIGN = re.compile(rf"({SIGN})\s?")
_SIGN_BEFORE = re.compile(rf"(?<![\w$])({SIGN})\s?$")
_UNIT_WITHIN = 30
_UNIT = re.compile(rf"[\s-]*(?:({SIGN})|((?i:{UNIT})))(?![\w$])")
_EACH = re.compile(r"(?:[\s-]*(?:an?|per|each|/)[\s-]?\w+(?: \w+)?)?\s*[.,]?", re.IGNORECASE)
_RANGE = re.compile(rf"\s?(?:-|–|to|or)\s?(?:{SIGN})?\s?\d")
_PERCENT = re.compile(r"[\s-]*(?:%|％|per ?cent|percent|pct|pc)\.?", re.IGNORECASE)


def money_value(text: str, *, dollars: bool, before: str = "", after: str = "") -> str | None:
    """ISO 4217 code and amount, "USD 1500000000", where both are certain. A price "a barrel" is the amount.

    `dollars`: a bare "$" is the US dollar. `before` and `after` are the text around it: models tend to leave the sign
    or the unit outside.
    """
    if _RANGE.match(after):
        return None
    text = unhedged(text)
    sign = _SIGN.match(text) or _SIGN_BEFORE.search(before[-6:])
    if sign is None:
        return _amount_first(text, after, dollars=dollars)
    found = leading(text[sign.end() :] if sign.string is text else text, letters=True)
    if found is None or not _EACH.fullmatch(found[1]):
        return None
    return _written(_SIGNS[sign[1]], found[0], dollars=dollars)


def percent_value(text: str) -> str | None:
    """The figure before "%" or "percent", "5.2". Percentage points and ranges have none."""
    found = leading(unhedged(text))
    if found is None or not _PERCENT.fullmatch(found[1]):
        return None
    return plain(found[0])


def _amount_first(text: str, after: str, *, dollars: bool) -> str | None:
    """ "5 million yen", "20,000 US dollars", "5m €"."""
    found = leading(text, letters=True)
    if found is None:
        return None
    unit = _UNIT.match(found[1] or after[:_UNIT_WITHIN])
    if unit is None or (found[1] and not _EACH.fullmatch(found[1][unit.end() :])):
        return None
    word = (unit[2] or "").lower()
    code = _SIGNS[unit[1]] if unit[1] else _OWNED.get(word) or _UNITS[word]
    return _written(code, found[0], dollars=dollars)


def _written(code: str, amount: Decimal, *, dollars: bool) -> str | None:
    code, _, parts = code.partition("/")
    if code == "$":
        code = "USD" if dollars else ""
    if not code or amount <= 0:
        return None
    return f"{code} {plain(amount / int(parts or 1))}"
