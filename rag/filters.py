"""Which documents a question is put to: by name, date, language, author, source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from rag.dates import first_day, last_day, read_bound
from rag.errors import ConfigError
from rag.facts import Facts

__all__ = ["Chosen", "Day", "Filter", "Where"]

# How a day, a month or a year is given.
Day: TypeAlias = "str | date | int"

_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]+)*\Z")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a filter chooses of an index.

    Attributes:
        documents: bool, (n_documents,).
        n_undated: how many are left out only because no certain date is known of them.
    """

    documents: npt.NDArray[np.bool_]
    n_undated: int = 0

    @property
    def n(self) -> int:
        """How many documents are chosen."""
        return int(self.documents.sum())


@dataclass(frozen=True, slots=True)
class Filter:
    """All that is set must hold of a document. Made by `Filter.of`, which checks it.

    Attributes:
        documents: patterns of doc_ids as in a shell (`*`, `?`, `[...]`), each tried on the whole doc_id and,
            where that finds none, on the file's name alone; one must match.
        since, until: ISO 8601, a year, a month or a day, inclusive. The document's own date must lie within
            for certain: one dated "2024" is within since 2024, not within since 2024-03.
        language: ISO 639-1.
        author, source: a part of what the document states, in any case.
    """

    documents: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    language: str | None = None
    author: str | None = None
    source: str | None = None

    @classmethod
    def of(
        cls,
        documents: Where = None,
        *,
        since: Day | None = None,
        until: Day | None = None,
        language: str | None = None,
        author: str | None = None,
        source: str | None = None,
    ) -> Filter | None:
        """A filter; None where nothing is set, so that nothing is left out.

        >>> str(Filter.of(["001*"], since="2024", until="2024-05"))
        'documents 001*; since 2024; until 2024-05'
        >>> Filter.of(documents=None) is None
        True

        Raises:
            ConfigError: a value that can't be used.
        """
        if isinstance(documents, Filter):
            if any(value is not None for value in (since, until, language, author, source)):
                raise ConfigError(
                    "documents is a Filter already; expected every other part of it in there too"
                )
            return documents
        patterns = (documents,) if isinstance(documents, str) else tuple(documents or ())
        made = cls(
            patterns,
            _bound("since", since),
            _bound("until", until),
            _language(language),
            _part("author", author),
            _part("source", source),
        )
        if made.since and made.until and first_day(made.since) > last_day(made.until):
            raise ConfigError(
                f"since is {made.since!r}, which is after until, {made.until!r}; expected the earlier one first"
            )
        return made if made != cls() else None

    def __str__(self) -> str:
        shown = ", ".join(self.documents[:3]) + (
            f" and {len(self.documents) - 3} more" if self.documents[3:] else ""
        )
        told = {"documents": shown, "since": self.since, "until": self.until}
        told |= {"language": self.language, "author": self.author, "source": self.source}
        return "; ".join(f"{name} {value}" for name, value in told.items() if value)

    def choose(self, doc_ids: Sequence[str], facts: Sequence[Facts]) -> Chosen:
        """Which documents the filter lets through.

        Args:
            doc_ids: of all documents.
            facts: of each.

        Raises:
            ConfigError: no doc_id matches the patterns, whatever else is set.
        """
        named = self._named(doc_ids)
        rest = [known and self._holds(fact) for known, fact in zip(named, facts, strict=True)]
        if not (self.since or self.until):
            return Chosen(np.array(rest, dtype=np.bool_))
        within = [known and self._within(fact.date_iso) for known, fact in zip(rest, facts, strict=True)]
        n_undated = sum(known and fact.date_iso is None for known, fact in zip(rest, facts, strict=True))
        return Chosen(np.array(within, dtype=np.bool_), n_undated)

    def _named(self, doc_ids: Sequence[str]) -> list[bool]:
        if not self.documents:
            return [True] * len(doc_ids)
        found: set[str] = set()
        all_ids = set(doc_ids)
        for pattern in self.documents:
            # A name in full is the usual case, and there may be thousands.
            plain = re.sub(r"\[([*?[])\]", r"\1", pattern)
            if plain in all_ids and (plain != pattern or not re.search(r"[*?[]", pattern)):
                found.add(plain)
                continue
            whole = {doc_id for doc_id in doc_ids if fnmatchcase(doc_id, pattern)}
            found |= whole or {d for d in doc_ids if fnmatchcase(d.rpartition("/")[2], pattern)}
        if not found:
            some = ", ".join(doc_ids[:5]) + (" ..." if len(doc_ids) > 5 else "")
            raise ConfigError(
                f"no document matches {list(self.documents)!r}; expected patterns of names such as: {some}"
            )
        return [doc_id in found for doc_id in doc_ids]

    def _holds(self, facts: Facts) -> bool:
        return (
            (self.language is None or facts.language == self.language)
            and (self.author is None or self.author.casefold() in (facts.author or "").casefold())
            and (self.source is None or self.source.casefold() in (facts.source or "").casefold())
        )

    def _within(self, date_iso: str | None) -> bool:
        if date_iso is None:
            return False
        after = self.since is None or first_day(date_iso) >= first_day(self.since)
        return after and (self.until is None or last_day(date_iso) <= last_day(self.until))


# What narrows a question: patterns of doc_ids, or a whole filter.
Where: TypeAlias = "Iterable[str] | Filter | None"


def _bound(name: str, value: Day | None) -> str | None:
    if value is None:
        return None
    text = value.isoformat()[:10] if isinstance(value, date) else str(value)
    found = read_bound(text)
    if found is None:
        raise ConfigError(
            f"{name} is {text[:40]!r}; expected a date such as 2024-05-31, a month (2024-05) or a year (2024)"
        )
    return found


def _language(value: str | None) -> str | None:
    if value is None:
        return None
    match = _LANGUAGE.match(value.strip())
    if match is None:
        raise ConfigError(f"language is {value[:40]!r}; expected a code of two letters such as en, de or zh")
    return match[1].lower()


def _part(name: str, value: str | None) -> str | None:
    if value is None:
        return None
    if not value.strip() or len(value) > _LONGEST:
        raise ConfigError(f"{name} is {value[:40]!r}; expected a part of a name, 1 to {_LONGEST} characters")
    return value.strip()
