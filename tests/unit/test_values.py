"""Values of dates, money, percentages and quantities: right where they are certain, none where they are not."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.records import Mention
from workers.article.values.values import Setting, value_of, valued

TUESDAY = datetime(2025, 10, 28, 9, 30, tzinfo=UTC)

DATES = {
    "2025-10-26": "2025-10-26",
    "26 October 2025": "2025-10-26",
    "October 26, 2025": "2025-10-26",
    "Oct. 26, 2025": "2025-10-26",
    "the 26th of October, 2025": "2025-10-26",
    "Sunday, October 26, 2025": "2025-10-26",
    "Sept. 11, 2001": "2001-09-11",
    "Feb 29, 2024": "2024-02-29",
    "2025/10/26": "2025-10-26",
    "June 2024 to May 2025": "2024-06/2025-05",
    "26.10.2025": "2025-10-26",
    "10/26/2025": "2025-10-26",
    "26/10/2025": "2025-10-26",
    "04/04/2025": "2025-04-04",
    "October 26": "2025-10-26",
    "26 October": "2025-10-26",
    "Jan. 15": "2026-01-15",
    "Sunday, Oct. 26": "2025-10-26",
    "August 1st": "2025-08-01",
    "October 2025": "2025-10",
    "Oct 2025": "2025-10",
    "March of 2024": "2024-03",
    "2025": "2025",
    "1922": "1922",
    "the year 2001": "2001",
    "the 1990s": "1990/1999",
    "2019-2021": "2019/2021",
    "2019–2021": "2019/2021",
    "between 2019 and 2021": "2019/2021",
    "from 2019 to 2021": "2019/2021",
    "October 1-3, 2025": "2025-10-01/2025-10-03",
    "1-3 October 2025": "2025-10-01/2025-10-03",
    "October 1 to November 3, 2025": "2025-10-01/2025-11-03",
    "from 28 September to 3 October 2025": "2025-09-28/2025-10-03",
    "December 30 to January 2, 2026": "2025-12-30/2026-01-02",
    "between January and March 2025": "2025-01/2025-03",
    "January-March 2025": "2025-01/2025-03",
    "October 24-26": "2025-10-24/2025-10-26",
    "yesterday": "2025-10-27",
    "today": "2025-10-28",
    "tomorrow": "2025-10-29",
    "yesterday morning": "2025-10-27",
    "three days ago": "2025-10-25",
    "10 days ago": "2025-10-18",
    "last month": "2025-09",
    "this month": "2025-10",
    "next month": "2025-11",
    "last year": "2024",
    "this year": "2025",
    "next year": "2026",
    "October": "2025-10",
    "September": "2025-09",
}
MONEY = {
    "$1.5 billion": "USD 1500000000",
    "US$1.2bn": "USD 1200000000",
    "US $5 million": "USD 5000000",
    "USD 5m": "USD 5000000",
    "USD5,000": "USD 5000",
    "$61.40 a barrel": "USD 61.4",
    "$1.2 trillion": "USD 1200000000000",
    "$1.2trn": "USD 1200000000000",
    "5 million USD": "USD 5000000",
    "$10-a-day": "USD 10",
    "$250 million": "USD 250000000",
    "$1,234.56": "USD 1234.56",
    "$4,38,000": "USD 438000",
    "about $5 million": "USD 5000000",
    "more than US$5 billion": "USD 5000000000",
    "a record $59 billion": "USD 59000000000",
    "a million dollars": "USD 1000000",
    "3 million dollars": "USD 3000000",
    "20,000 US dollars": "USD 20000",
    "50 cents": "USD 0.5",
    "2 1/2 billion dollars": "USD 2500000000",
    "€5m": "EUR 5000000",
    "5 €": "EUR 5",
    "half a million euros": "EUR 500000",
    "two and a half million euros": "EUR 2500000",
    "1.5-billion-euro": "EUR 1500000000",
    "EUR 5,000": "EUR 5000",
    "£50 million": "GBP 50000000",
    "10 million pounds sterling": "GBP 10000000",
    "four billion stg": "GBP 4000000000",
    "85 pence": "GBP 0.85",
    "5 million yen": "JPY 5000000",
    "139 yen": "JPY 139",
    "20 billion yuan": "CNY 20000000000",
    "300 million renminbi": "CNY 300000000",
    "RMB 300 million": "CNY 300000000",
    "₹500 crore": "INR 5000000000",
    "₹1.2 lakh crore": "INR 1200000000000",
    "2 lakh Indian rupees": "INR 200000",
    "A$2.5bn": "AUD 2500000000",
    "twenty-one million Australian dollars": "AUD 21000000",
    "C$730,000": "CAD 730000",
    "HK$1 billion": "HKD 1000000000",
    "NT$30 billion": "TWD 30000000000",
    "three million Swiss francs": "CHF 3000000",
    "CHF 3 million": "CHF 3000000",
    "5 billion won": "KRW 5000000000",
    "40 billion roubles": "RUB 40000000000",
    "90 million Belarusian rubles": "BYN 90000000",
    "600 kronor": "SEK 600",
    "600 Danish kroner": "DKK 600",
    "7 million zlotys": "PLN 7000000",
}
PERCENTAGES = {
    "5.2%": "5.2",
    "5.20 percent": "5.2",
    "7 per cent": "7",
    "10.5 pct": "10.5",
    "100 percent": "100",
    "half a percent": "0.5",
    "a quarter of a percent": "0.25",
    "5 1/2 percent": "5.5",
    "twelve percent": "12",
    "sixty-two percent": "62",
    "about 53 percent": "53",
    "less than four percent": "4",
    "at least 40%": "40",
    "minus 0.2%": "-0.2",
    "-0.2%": "-0.2",
    "+0.4%": "0.4",
    "1,200%": "1200",
}
QUANTITIES = {
    "5,000 tonnes": "5000 t",
    "5m tonnes": "5000000 t",
    "two million metric tons": "2000000 t",
    "2 million tonnes per year": "2000000 t/a",
    "12 km": "12 km",
    "700 kilometres": "700 km",
    "some 370 kilometers south": "370 km",
    "a 12-kilometre-long": "12 km",
    "10-mile": "10 mi",
    "half a mile": "0.5 mi",
    "200 nautical miles": "200 [nmi_i]",
    "6.26 feet": "6.26 ft",
    "six metres": "6 m",
    "one and a half metres": "1.5 m",
    "40 cm": "40 cm",
    "3 nanometres": "3 nm",
    "10,000 square miles": "10000 mi2",
    "2,000-square-foot": "2000 ft2",
    "three kilowatt-hours": "3 kWh",
    "100 miles per hour": "100 mi/h",
    "2 tonnes of CO2": "2 t",
    "2 sq km": "2 km2",
    "1.1 billion cubic metres": "1100000000 m3",
    "60 kilos": "60 kg",
    "2.3 million barrels": "2300000 bbl",
    "2.3 million barrels a day": "2300000 bbl/d",
    "1.5m bpd": "1500000 bbl/d",
    "25,000 bushels": "25000 bu",
    "five million barrels of oil": "5000000 bbl",
    "88 litres": "88 L",
    "1,200 MW": "1200 MW",
    "20 degrees Celsius": "20 Cel",
    "-5°C": "-5 Cel",
    "100 mph": "100 mi/h",
    "90 km/h": "90 km/h",
    "3 troy ounces": "3 [oz_tr]",
}
CERTAIN = [
    (label, text, value)
    for label, table in (("DATE", DATES), ("MONEY", MONEY), ("PERCENT", PERCENTAGES), ("QUANTITY", QUANTITIES))
    for text, value in table.items()
]
UNCERTAIN = {
    "DATE": [
        *("03/04/2025", "2025-26", "2025-13-01", "31 February 2025", "Feb 29, 2025", "13.13.2025", "99999"),
        *("Monday, October 26, 2025", "March 5", "January", "December", "two days", "94", "31-year-old"),
        *("the second quarter", "fiscal 2026", "early 2025", "last week", "last Sunday", "Sunday", "two years ago"),
        *("summer", "Thanksgiving", "daily", "the weekend", "last October", "400 days ago", "half days ago"),
        *("2021-2019", "between 2019 and March 2021", "October 3-1, 2025", "1990s and 2000s", ""),
    ],
    "MONEY": [
        *("$5-7 million", "$5 to $7 million", "between $5 million and $6 million", "$1,2345", "1,5 million euros"),
        *("5 million pounds", "¥500 million", "500 crore rupees", "20 francs", "30 pesos", "600 kroner", "5 million"),
        *(
            "-$5",
            "$0",
            "millions of dollars",
            "$",
            "several million yen",
            "$x",
            "5 bitcoin",
            "5 million Narnian dollars",
        ),
    ],
    "PERCENT": ["0.25 percentage points", "25 basis points", "5-7%", "5 to 7 percent", "5", "one third", "% 5", "half"],
    "QUANTITY": [
        *("100 tons", "5 gallons", "12 ounces", "20 degrees", "3 to 5 km", "dozens of miles", "5m", "6 feet 2 inches"),
        *("km", "12 parsecs", "12 km at 5 km/h"),
    ],
    "CARDINAL": ["5", "two"],
    "ORDINAL": ["first"],
    "TIME": ["6.40 a.m."],
    "PERSON": ["May 5, 2025"],
}


def _value(label: str, text: str, *, before: str = "", after: str = "", at: datetime | None = TUESDAY) -> str | None:
    return value_of(label, text, Setting(published_at=at, dollars=True, before=before, after=after))


@pytest.mark.parametrize(("label", "text", "expected"), CERTAIN)
def test_what_is_certain_has_its_value(label: str, text: str, expected: str) -> None:
    assert _value(label, text) == expected


@pytest.mark.parametrize(("label", "text"), [(label, text) for label, texts in UNCERTAIN.items() for text in texts])
def test_what_is_uncertain_has_none(label: str, text: str) -> None:
    assert _value(label, text) is None


@pytest.mark.parametrize(
    "text", ["yesterday", "last month", "October 26", "October", "Sunday", "this year", "2 days ago"]
)
def test_without_a_date_of_publication_nothing_relative_has_a_value(text: str) -> None:
    assert _value("DATE", text, before="It was held on ", at=None) is None
    assert _value("DATE", "26 October 2025", at=None) == "2025-10-26"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Bessent told reporters in Kuala Lumpur on ", " that it had gone well."),
        ("Trump landed in Malaysia on ", " to begin his tour."),
        ("The report was released ", "."),
        ("The port closed early on ", " after a storm."),
        ("Nothing more is known. On ", ", the board met again."),
        ("", ", the council voted to go on."),
        ("“We are glad,” she said on ", "."),
    ],
)
def test_a_weekday_is_the_last_one_where_what_happened_then_is_past(before: str, after: str) -> None:
    assert _value("DATE", "Sunday", before=before, after=after) == "2025-10-26"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("He will meet them on ", "."),
        ("He said the shop opens on ", "."),
        ("She told them that the talks resume on ", "."),
        ("Elections to be held on ", " were called off."),
        ("The talks are scheduled for ", "."),
        ("The shop is closed on ", "."),
        ("It has been so since ", "."),
        ("They want it by ", "."),
        ("On ", ", the board will meet."),
        ("On ", ", the board meets."),
        ("He met them. The next round is on ", "."),
        ("Leaders meet ", ""),
        ("They agreed to talk until ", "."),
        ("It would help if the talks resumed on ", "."),
        ("They cancelled ", "'s match."),
    ],
)
def test_a_weekday_has_no_day_where_that_is_not_certain(before: str, after: str) -> None:
    assert _value("DATE", "Sunday", before=before, after=after) is None


def test_a_weekday_that_begins_elsewhere_already_has_no_day() -> None:
    assert _value("DATE", "Tuesday", before="It closed on ") == "2025-10-28"
    assert _value("DATE", "Wednesday", before="It closed on ") is None


def test_a_day_counted_from_the_publication_needs_an_hour_at_which_it_is_that_day_nearly_everywhere() -> None:
    late = TUESDAY.replace(hour=23)
    assert _value("DATE", "yesterday", at=late) is None
    assert _value("DATE", "yesterday", at=TUESDAY.replace(hour=0, minute=0)) == "2025-10-27"
    assert _value("DATE", "last month", at=datetime(2025, 11, 1, 3, tzinfo=UTC)) is None
    assert _value("DATE", "last year", at=datetime(2026, 1, 1, 3, tzinfo=UTC)) is None


def _mention(text: str, label: str, within: str, entity_id: str | None = None) -> Mention:
    start = within.index(text)
    return Mention(
        field="text", start=start, end=start + len(text), text=text, label=label, name=text, entity_id=entity_id
    )


@pytest.mark.parametrize(
    ("text", "countries", "value"),
    [
        ("The US pays $5 million.", {"US": "Q30"}, "USD 5000000"),
        ("The US and Canada pay $5 million.", {"US": "Q30", "Canada": "Q16"}, None),
        ("Canada pays $5 million.", {"Canada": "Q16"}, None),
        ("Somebody pays $5 million.", {}, None),
        ("Canada pays US$5 million.", {"Canada": "Q16"}, "USD 5000000"),
        ("The US and Japan pay $5 million.", {"US": "Q30", "Japan": "Q17"}, "USD 5000000"),
    ],
)
def test_a_bare_dollar_is_american_in_an_article_on_no_other_dollar_country(
    text: str, countries: dict[str, str], value: str | None
) -> None:
    amount = "US$5 million" if "US$" in text else "$5 million"
    mentions = [_mention(amount, "MONEY", text), *(_mention(name, "GPE", text, q) for name, q in countries.items())]
    (money, *others) = valued(mentions, {"text": text}, language="en", published_at=None)
    assert money.value == value
    assert all(other.value is None for other in others)


def test_a_mention_keeps_all_else_and_a_weekday_is_read_in_its_own_field() -> None:
    text = "The board met on Sunday."
    mention = _mention("Sunday", "DATE", text)
    (found,) = valued([mention], {"title": "Sunday", "text": text}, language="en", published_at=TUESDAY)
    assert (found.value, found.start, found.end, found.text, found.name) == ("2025-10-26", 17, 23, "Sunday", "Sunday")
    in_title = Mention(field="title", start=0, end=6, text="Sunday", label="DATE", name="Sunday")
    assert valued([in_title], {"title": "Sunday", "text": text}, language="en", published_at=TUESDAY) == (in_title,)


@pytest.mark.parametrize(
    ("label", "before", "text", "after", "value"),
    [
        ("MONEY", "it fell to $", "61.40", " a barrel", "USD 61.4"),
        ("MONEY", "worth US$", "5 million", " in all", "USD 5000000"),
        ("MONEY", "it rose to ", "341 billion", " yen in May", "JPY 341000000000"),
        ("MONEY", "it rose to ", "341 billion", " in yen", None),
        ("MONEY", "he bought 5$ and ", "3", " of them", None),
        ("QUANTITY", "gusts of up to ", "227 kilometers", " per hour", "227 km/h"),
        ("QUANTITY", "a cut of ", "one million barrels", " a day", "1000000 bbl/d"),
        ("QUANTITY", "a cut of ", "one million barrels", " and more", "1000000 bbl"),
        ("DATE", "He speaks at ", "2100", " UTC", None),
    ],
)
def test_a_sign_or_a_unit_that_was_left_outside_a_mention_belongs_to_it(
    label: str, before: str, text: str, after: str, value: str | None
) -> None:
    assert _value(label, text, before=before, after=after) == value


def test_in_other_languages_only_numeric_dates_are_read() -> None:
    german = Setting(language="de", published_at=TUESDAY, dollars=True)
    assert value_of("DATE", "26.10.2025", german) == "2025-10-26"
    assert value_of("DATE", "2025-10-26", german) == "2025-10-26"
    assert value_of("DATE", "Mai 2025", german) is None
    assert value_of("MONEY", "$1.500", german) is None
    assert value_of("PERCENT", "1.500 %", german) is None


_WORDS = (
    "1 12 1,000 999 2025 31 0 . - – / to and of a half quarter million bn m crore $ US$ € yen percent % km tonnes day "
    "October Oct. Sunday between from about more than minus 1/2 9999999999999999 twenty one hundred ago last"
)
_PIECES = st.sampled_from(_WORDS.split())


@given(
    st.sampled_from(["DATE", "MONEY", "PERCENT", "QUANTITY"]),
    st.one_of(st.text(max_size=120), st.lists(_PIECES, max_size=30).map(" ".join), st.lists(_PIECES).map("".join)),
    st.text(max_size=300),
    st.datetimes(timezones=st.just(UTC)),
)
def test_whatever_the_text_it_has_a_short_value_or_none(label: str, text: str, around: str, at: datetime) -> None:
    value = value_of(label, text, Setting(published_at=at, dollars=True, before=around, after=around))
    assert value is None or 0 < len(value) <= 60


@pytest.mark.parametrize(
    "piece", ["1", "1,", "a ", "- ", "one ", "and ", "$", "1/", " ", "more than ", "million ", "October 1"]
)
@pytest.mark.parametrize("label", ["DATE", "MONEY", "PERCENT", "QUANTITY"])
def test_a_very_long_mention_has_no_value(label: str, piece: str) -> None:
    assert _value(label, piece * 100_000) is None


def test_a_day_far_off_has_no_value() -> None:
    assert _value("DATE", "yesterday", at=datetime(1, 1, 1, tzinfo=UTC)) is None
    assert _value("DATE", "last month", at=datetime.max.replace(tzinfo=UTC) - timedelta(hours=1)) is None
