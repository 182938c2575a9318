"""Dates as documents state them to ISO 8601, only where there is no doubt which day is meant.

Libraries that parse dates answer "03/05/2021" and "5 May" too, with a guess. A filter that leaves
documents out must not guess: what can be read in two ways has no ISO date here.
"""

from __future__ import annotations

import calendar
import re
from datetime import date

__all__ = ["first_day", "iso_date", "last_day", "read_bound"]

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan enero januar jänner janvier janv gennaio gen januari janeiro",
            "february feb febrero februar février fevrier févr fevr febbraio februari fevereiro fev",
            "march mar marzo märz maerz mars maart março marco",
            "april apr abril avril avr aprile abr",
            "may mayo mai maggio mag mei maio",
            "june jun junio juni juin giugno giu junho",
            "july jul julio juli juillet juil luglio lug julho",
            "august aug agosto août aout ago augustus",
            "september sep sept septiembre setiembre septembre settembre set setembro",
            "october oct octubre oktober okt octobre ottobre ott outubro out",
            "november nov noviembre novembre novembro",
            "december dec diciembre dezember dez décembre decembre déc dicembre dic dezembro",
        ),
        start=1,
    )
    for name in names.split()
}
_NAMES = "|".join(sorted(_MONTHS, key=len, reverse=True))
_MONTH = rf"(?P<month>{_NAMES})\b\.?"
_YEAR = r"(?P<year>[12]\d{3})(?!\d)"
_NTH = r"(?:st|nd|rd|th|er|\.|º|ª)?"
_DAY = rf"(?P<day>\d{{1,2}}){_NTH}"
_OF = r"(?:\s+(?:de|del|of|di))?"
_FORMS = tuple(
    re.compile(rf"(?<![\w./-]){form}", re.IGNORECASE)
    for form in (
        r"(?P<year>[12]\d{3})(?P<mark>[-/.])(?P<month_number>\d{1,2})(?P=mark)(?P<day>\d{1,2})(?=$|[^\d/.-]|[.](?:\s|$))",
        r"(?P<year>[12]\d{3})(?P<month_number>\d{2})(?P<day>\d{2})(?=$|[^\w.-])",
        r"(?P<year>[12]\d{3})\s?[年년]\s?(?P<month_number>\d{1,2})\s?[月월]\s?(?P<day>\d{1,2})\s?[日일]"
        r"(?!\s?[至到~〜～–—-]\s?(?:\d{1,2}\s?[月월]\s?)?\d{1,2}\s?[日일])",
        rf"{_DAY}{_OF}[\s-]+{_MONTH}{_OF}[\s,-]+{_YEAR}",
        rf"{_MONTH}[\s-]+{_DAY}(?:,\s*|\s+){_YEAR}",
        r"(?P<one>\d{1,2})(?P<mark>[/.-])(?P<two>\d{1,2})(?P=mark)(?P<year>[12]\d{3})(?=$|[^\d/.-]|[.](?:\s|$))",
    )
)
_COARSE = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"\s*(?:(?:en|im|in)\s+)?{_MONTH}{_OF}[\s,]+{_YEAR}\s*$",
        r"\s*(?P<year>[12]\d{3})[-/](?P<month_number>\d{1,2})\s*$",
        r"\s*(?P<year>[12]\d{3})\s?[年년]\s?(?P<month_number>\d{1,2})\s?[月월]\s*$",
        rf"\s*{_YEAR}\s*$",
    )
)
# "3 to", "30 April –", "3.5. bis" before a date: it is the last of several days. "10:15 –" is a time of day.
_JOINED = re.compile(
    rf"(?:(?<![\d:.])\d{{1,2}}{_NTH}(?:{_OF}\s+(?:{_NAMES})\b\.?)?|(?<![\d:.])\d{{1,2}}\.\s?\d{{1,2}}\.)"
    r"(?:\s*[-–—−~/&]\s*|\s+(?:to|till|until|through|and|bis|bis zum|und|au|et|al|a|y|e|até|tot|t/m|en)\s+)\Z",
    re.IGNORECASE,
)
_LONGEST = 200
_BOUND = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?\Z", re.ASCII)


def iso_date(stated: str | None) -> str | None:
    """The one date that a text states, as "2021-05-03"; "2021-05" or "2021" where it says no more.

    >>> iso_date("Published on May 3rd, 2021 at 10:15"), iso_date("3. Mai 2021"), iso_date("13/05/2021")
    ('2021-05-03', '2021-05-03', '2021-05-13')
    >>> iso_date("03/05/2021"), iso_date("last Monday"), iso_date("May 2021"), iso_date("30 February 2021")
    (None, None, '2021-05', None)

    Args:
        stated: as written in the document; longer ones are cut.

    Returns:
        None where no date, or more than one, or none that is certain, is stated.
    """
    if not stated:
        return None
    text = stated[:_LONGEST]
    found = {day for form in _FORMS for match in form.finditer(text) for day in [_day(match)]}
    if found:
        return found.pop() if len(found) == 1 else None
    for form in _COARSE:
        match = form.match(text)
        if match is not None:
            month = _month(match)
            if month is None:
                return match["year"]
            return f"{match['year']}-{month:02d}" if 1 <= month <= 12 else None
    return None


def read_bound(text: str) -> str | None:
    """A year, a month or a day in ISO 8601 as it is; None where it is no such thing.

    >>> read_bound("2024-02"), read_bound("2024-02-30"), read_bound("1 May 2024")
    ('2024-02', None, None)
    """
    match = _BOUND.match(text.strip())
    if match is None:
        return None
    year, month, day = int(match[1]), int(match[2] or 1), int(match[3] or 1)
    return text.strip() if _is_day(year, month, day) else None


def first_day(iso: str) -> str:
    """The first day of a year, a month or a day.

    >>> first_day("2024"), first_day("2024-02")
    ('2024-01-01', '2024-02-01')
    """
    return iso + "-01-01"[len(iso) - 4 :]


def last_day(iso: str) -> str:
    """The last day of a year, a month or a day.

    >>> last_day("2024"), last_day("2024-02")
    ('2024-12-31', '2024-02-29')
    """
    if len(iso) == 4:
        return f"{iso}-12-31"
    if len(iso) == 7:
        return f"{iso}-{calendar.monthrange(int(iso[:4]), int(iso[5:]))[1]:02d}"
    return iso


def _day(match: re.Match[str]) -> str | None:
    """The day of a match; None where it is none, could be another, or is the last of several."""
    if match.start("year") > match.start() and _JOINED.search(match.string, 0, match.start()):
        return None
    groups = match.groupdict()
    year = int(groups["year"])
    if "one" in groups:
        return _numbers(year, int(groups["one"]), int(groups["two"]), groups["mark"])
    month, day = _month(match), int(groups["day"])
    return f"{year:04d}-{month:02d}-{day:02d}" if month and _is_day(year, month, day) else None


def _numbers(year: int, one: int, two: int, mark: str) -> str | None:
    """Two numbers and a year: with dots the day comes first wherever dates have dots; else it must show."""
    if mark == "." or one == two or one > 12:
        day, month = one, two
    elif two > 12:
        month, day = one, two
    else:
        return None
    return f"{year:04d}-{month:02d}-{day:02d}" if _is_day(year, month, day) else None


def _month(match: re.Match[str]) -> int | None:
    groups = match.groupdict()
    if groups.get("month_number"):
        return int(groups["month_number"])
    return _MONTHS[groups["month"].lower()] if groups.get("month") else None


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
