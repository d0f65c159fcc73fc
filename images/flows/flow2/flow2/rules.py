"""What a row of each kind of list has to be. Pure: a row in, the reasons against it out."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

Row = Mapping[str, str]
Rule = Callable[[str], str | None]
"""The reason against a value, or None."""

TEXT_CHARACTERS_MAX = 200
EMAIL_CHARACTERS_MAX = 254
EARLIEST_BIRTH = date(1900, 1, 1)

_local = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
_label = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_email = re.compile(rf"{_local}@{_label}(?:\.{_label})+")
_phone = re.compile(r"\+[1-9][0-9]{6,14}")
_country = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True)
class Kind:
    name: str
    rules: Mapping[str, Rule]
    """By column. A list is of this kind when it has all of them."""
    unique: str | None = None
    """The column whose value is the row's own in the whole list."""
    together: Callable[[Row], list[str]] = lambda _row: []
    """Reasons that no column has by itself. Asked when each column is right."""


def text(value: str) -> str | None:
    if value.strip() == "":
        return "is empty"
    if len(value) > TEXT_CHARACTERS_MAX:
        return f"has {len(value)} characters, more than {TEXT_CHARACTERS_MAX}"
    # Tabs, line breaks, marks that turn the reading direction around: nobody's name has them.
    for character in value:
        if unicodedata.category(character) in ("Cc", "Cf", "Co", "Cn") and character not in "\u200c\u200d":
            return f"has the control character U+{ord(character):04X}"
    return None


def optional(rule: Rule) -> Rule:
    return lambda value: None if value == "" else rule(value)


def matches(pattern: re.Pattern[str], expected: str) -> Rule:
    return lambda value: None if pattern.fullmatch(value) else f"is {_shown(value)}, not {expected}"


def email(value: str) -> str | None:
    if len(value) > EMAIL_CHARACTERS_MAX:
        return f"has {len(value)} characters, more than {EMAIL_CHARACTERS_MAX}"
    local = value.partition("@")[0]
    sound = _email.fullmatch(value) and not local.startswith(".") and not local.endswith(".") and ".." not in local
    return None if sound else f"is {_shown(value)}, not an e-mail address"


def number(low: float, high: float, *, whole: bool = False) -> Rule:
    pattern = re.compile(r"-?[0-9]{1,12}" if whole else r"-?[0-9]{1,12}(?:\.[0-9]{1,12})?")

    def rule(value: str) -> str | None:
        if not pattern.fullmatch(value):
            return f"is {_shown(value)}, not a {'whole ' if whole else ''}number"
        return None if low <= float(value) <= high else f"is {value}, not from {low:g} to {high:g}"

    return rule


def day(pattern: str, expected: str) -> Rule:
    def rule(value: str) -> str | None:
        try:
            datetime.strptime(value, pattern)
        except ValueError:
            return f"is {_shown(value)}, not {expected}"
        return None

    return rule


def birth(value: str) -> str | None:
    try:
        born = date.fromisoformat(value) if len(value) == 10 else None
    except ValueError:
        born = None
    if born is None:
        return f"is {_shown(value)}, not a date such as 1990-12-31"
    return None if EARLIEST_BIRTH <= born <= date.today() else f"is {value}, not from 1900 to today"


def one_of(*values: str) -> Rule:
    return lambda value: None if value in values else f"is {_shown(value)}, not one of {', '.join(values)}"


def _temperatures(row: Row) -> list[str]:
    if float(row["temp_min"]) <= float(row["temp_max"]):
        return []
    return [f"temp_min {row['temp_min']} is above temp_max {row['temp_max']}"]


_iso_day = day("%Y-%m-%d", "a date such as 2012-01-31")

KINDS = (
    Kind(
        "users",
        {
            "user_id": matches(re.compile(r"U[0-9]{6}"), "U and six digits"),
            "name": text,
            "email": email,
            "born": birth,
            "country": matches(_country, "two capital letters"),
            "phone": optional(matches(_phone, "a number such as +4915112345678")),
        },
        unique="user_id",
    ),
    Kind(
        "airports",
        {
            "iata": matches(re.compile(r"[0-9A-Z]{3,4}"), "three or four letters and digits"),
            "name": text,
            "city": text,
            "state": matches(_country, "two capital letters"),
            "country": text,
            "latitude": number(-90, 90),
            "longitude": number(-180, 180),
        },
        unique="iata",
    ),
    Kind(
        "weather",
        {
            "date": _iso_day,
            "precipitation": number(0, 500),
            "temp_max": number(-60, 60),
            "temp_min": number(-60, 60),
            "wind": number(0, 120),
            "weather": one_of("drizzle", "fog", "rain", "snow", "sun"),
        },
        together=_temperatures,
    ),
    Kind(
        "stocks",
        {
            "symbol": matches(re.compile(r"[A-Z]{1,5}"), "one to five capital letters"),
            "date": day("%b %d %Y", "a date such as Jan 1 2000"),
            "price": number(0, 1e6),
        },
    ),
)


def kind_of(row: Row) -> Kind | None:
    return next((kind for kind in KINDS if kind.rules.keys() <= row.keys()), None)


def reasons_against(kind: Kind, row: Row) -> list[str]:
    found = [f"{column} {reason}" for column, rule in kind.rules.items() if (reason := rule(row[column]))]
    return found or kind.together(row)


def _shown(value: str) -> str:
    """As much of it as a reason may hold."""
    return repr(value if len(value) <= 40 else value[:40] + "…")
