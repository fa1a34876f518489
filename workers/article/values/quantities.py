"""Measured quantities: a figure and a unit, written as UCUM does where it has a short code.

Units that mean two things have no value: "tons" (metric, long or short), "gallons" (US or imperial), "ounces" (of gold
or of tea), "degrees" of no scale.
"""

import re

from workers.article.values.numerals import leading, one_of, plain, unhedged

_NAMES = {
    "t": "tonne|tonnes|metric ton|metric tons|metric tonnes|t",
    "kt": "kilotonne|kilotonnes|kt",
    "kg": "kilogram|kilograms|kilogramme|kilogrammes|kilo|kilos|kg|kgs",
    "g": "gram|grams|gramme|grammes|g",
    "mg": "milligram|milligrams|mg",
    "lb": "lb|lbs|pound|pounds",
    "[oz_tr]": "troy ounce|troy ounces",
    "km": "kilometre|kilometres|kilometer|kilometers|km|kms",
    "m": "metre|metres|meter|meters",
    "cm": "centimetre|centimetres|centimeter|centimeters|cm",
    "mm": "millimetre|millimetres|millimeter|millimeters|mm",
    "nm": "nanometre|nanometres|nanometer|nanometers|nm",
    "mi": "mile|miles",
    "[nmi_i]": "nautical mile|nautical miles",
    "ft": "foot|feet|ft",
    "in": "inch|inches",
    "yd": "yard|yards",
    "ha": "hectare|hectares|ha",
    "acre": "acre|acres",
    "km2": "square kilometre|square kilometres|square kilometer|square kilometers|sq km|km2|km²",
    "m2": "square metre|square metres|square meter|square meters|sq m|m2|m²",
    "mi2": "square mile|square miles|sq mi",
    "ft2": "square foot|square feet|sq ft",
    "m3": "cubic metre|cubic metres|cubic meter|cubic meters|m3|m³",
    "ft3": "cubic foot|cubic feet",
    "L": "litre|litres|liter|liters",
    "mL": "millilitre|millilitres|milliliter|milliliters|ml",
    "[gal_us]": "us gallon|us gallons|u.s. gallon|u.s. gallons",
    "[gal_br]": "imperial gallon|imperial gallons",
    "bbl": "barrel|barrels|bbl|bbls",
    "bu": "bushel|bushels",
    "W": "watt|watts",
    "kW": "kilowatt|kilowatts|kw",
    "MW": "megawatt|megawatts|mw",
    "GW": "gigawatt|gigawatts|gw",
    "kWh": "kilowatt hour|kilowatt hours|kwh",
    "MWh": "megawatt hour|megawatt hours|mwh",
    "GWh": "gigawatt hour|gigawatt hours|gwh",
    "TWh": "terawatt hour|terawatt hours|twh",
    "Cel": "degrees celsius|degree celsius|°c|degrees c",
    "[degF]": "degrees fahrenheit|degree fahrenheit|°f|degrees f",
    "km/h": "km/h|kph|kmh",
    "mi/h": "mph",
    "[kn_i]": "knot|knots",
    "bbl/d": "bpd|b/d",
    "GB": "gigabyte|gigabytes|gb",
    "TB": "terabyte|terabytes|tb",
}
_UNITS = {name: unit for unit, names in _NAMES.items() for name in names.split("|")}
_RATES = {"day": "d", "hour": "h", "year": "a", "second": "s", "week": "wk", "month": "mo"}

UNIT = one_of(name for name in _UNITS if name not in ("t", "g", "nm", "pound", "pounds")).replace(r"\ ", "[ -]")
"""Units that say by themselves that a quantity is meant, for a pattern: "5G" and "5 million pounds" may be none."""
_UNIT = re.compile(rf"[\s-]*({one_of(_UNITS)})(?![\w²³])".replace(r"\ ", "[ -]"), re.IGNORECASE)
_RATE = re.compile(
    r"\s*(?:\b(?:an?|per|each|every) |/ ?)(day|hour|year|second|week|month)\b|\s+(daily)\b", re.IGNORECASE
)
_REST = re.compile(
    r"(?:[\s-]*(?:long|wide|deep|high|tall|thick|away|off|north|south|east|west)"
    r"| in (?:length|width|depth|height)| of \w+(?: [\w-]+){0,3})?[.,]?",
    re.IGNORECASE,
)
_MILLIONS = re.compile(r"(?<=[\d ])m(?= [a-z])")


def quantity_value(text: str, *, after: str = "") -> str | None:
    """Figure and unit, "5000 t", "12 km", "2300000 bbl/d", where both are certain; a range has none.

    `after` is the text behind it, where models tend to leave "a day" and "per hour".
    """
    found = leading(_MILLIONS.sub(" million", unhedged(text), count=1))
    unit = found and _UNIT.match(found[1])
    if not found or not unit:
        return None
    rest = found[1][unit.end() :]
    rate = _RATE.match(rest or after)
    rest = rest[rate.end() :] if rate and rest else rest
    per = f"/{_RATES[(rate[1] or 'day').lower()]}" if rate else ""
    return f"{plain(found[0])} {_UNITS[unit[1].lower().replace('-', ' ')]}{per}" if _REST.fullmatch(rest) else None
