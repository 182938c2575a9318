"""Text to search terms: the one place where questions and chunks are cut into words for BM25.

Terms are a search copy; no offset is ever taken from them. Both sides go through the same
steps: compatibility forms and case folded, accents and ligatures folded ("economía" finds "economia",
"œuvre" "oeuvre"), curly apostrophes straightened and the possessive 's dropped, "U.S." written "us" and
"1,000" "1000", hyphenated words as a whole and in parts, then the Snowball stemmer of the text's language.
Scripts written without blanks (Chinese, Japanese, Thai ...) are cut into pairs of characters: on news,
about as good for retrieval as a dictionary's words (Nie et al. 2000, "On the use of words and n-grams for
Chinese information retrieval"), without a dictionary that ages.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from typing import Any

from rag.cleaning.language import ASKING_WORDS, STOP_WORDS, passage_language, question_language

__all__ = ["DEFAULT_LANGUAGE", "TermMaker", "language_of", "words"]

DEFAULT_LANGUAGE = "en"

_CACHE_LIMIT = 500_000

# ISO 639-1 to Snowball's names.
_SNOWBALL = {
    "ar": "arabic",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
}

# Words that questions and prose share whatever they are about. Prepositions that can decide
# ("before", "after", "between", "against") and "not" stay searchable.
_ENGLISH_STOP_WORDS = """
a about all also am an and any are as at be because been being both but by can could did do does doing each
either etc for from had has have having he her here hers him his how i if in into is it its itself just let
may me might mine must my of on once or our ours ourselves shall she should so some such than that the their
theirs them themselves then there these they this those though thus to too until upon very was we were what
whatever when where whether which while who whoever whom whose why will with would yet you your yours
"""

# Characters and words of questions in scripts without blanks; a pair that holds such a character says nothing.
_UNSPACED_STOP_WORDS = {
    "zh": "的 了 吗 呢 吧 么 嗎 麼 谁 誰 哪 什 怎 是 这 這 那 被 把 与 與 就 也 几 幾 多少 如何 为何 為何 何时 何時 "
    "有没 没有 哪里 我们 他们 她们 它们 可以 以及",
    # Endings and particles are in hiragana; what a question is about seldom is.
    "ja": "何 誰 " + " ".join(map(chr, range(0x3041, 0x3097))),
}

# Han, kana, Bopomofo, Hangul; Thai, Lao, Tibetan, Myanmar, Khmer: no blanks between words.
_UNSPACED = "\u0e00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3100-\u318f"
_UNSPACED += "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
_UNSPACED += "\U00020000-\U000323af"
# Marks inside words that `\w` leaves out: combining accents, Hebrew, Arabic, Indic vowel signs.
_MARKS = "\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f\u0951-\u0957"
_MARKS += "\u0962\u0963\u0981-\u0983\u09bc-\u09cd\u0a01-\u0a51\u0a81-\u0acd\u0b01-\u0b57\u0b82-\u0bcd"
_MARKS += "\u0c00-\u0c56\u0c81-\u0cd6\u0d00-\u0d57\u0d82-\u0ddf"
_FIRST_UNSPACED = "\u3000"
_LETTER = f"(?:[^\\W_{_UNSPACED}]|[{_MARKS}])"
_WORD = re.compile(f"(?P<unspaced>[{_UNSPACED}]+)|{_LETTER}+(?:['.,&-]{_LETTER}+)*")
# The same where there is nothing but ASCII, in a third of the time.
_ASCII_WORD = re.compile("[a-z0-9]+(?:['.,&-][a-z0-9]+)*")
_MANY = 65_536  # joined words kept as they were taken apart: "don't" and "10,000" come again and again
_SHORT = 40  # characters; what is longer is no word and not kept
_THOUSANDS = re.compile(r"(?<!\d)\d{1,3}(?:,\d{3})+(?!\d)")
_CLITICS = frozenset({"d", "ll", "m", "re", "ve"})
_DECIMAL = re.compile(r"\d+\.\d+")
_SPELLINGS = str.maketrans(
    {
        **dict.fromkeys("’‘ʼ‛＇`´ʹ′", "'"),
        **dict.fromkeys("‐‑﹣－", "-"),
        # Between words they all do the same, and what is left is mostly ASCII.
        **dict.fromkeys("“”„‟«»—–―•·", " "),
        # "oeuvre" is "œuvre" on another keyboard; no compatibility form says so. "ß" is "ss" by case folding.
        **dict.fromkeys("œŒ", "oe"),
        **dict.fromkeys("æÆǽǼǣǢ", "ae"),
        # Soft hyphen, zero-width blanks and joiners, word joiner, BOM: invisible inside words.
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", ""),
    }
)
# All that keeps most texts from being ASCII: replaced one by one in a tenth of the time that the table takes.
_TYPOGRAPHY = "’‘“”–—"


def words(text: str) -> list[str]:
    """The search words of a text, folded but not stemmed, in reading order.

    >>> words("Trump’s U.S.-China deal cost 1,000; co-operation isn't easy.")
    ['trump', 'us', 'china', 'deal', 'cost', '1000', 'cooperation', 'co', 'operation', 'is', 'easy']
    >>> words("北京大学")
    ['北京', '京大', '大学']
    """
    if not text.isascii():
        for mark in _TYPOGRAPHY:
            text = text.replace(mark, _SPELLINGS[ord(mark)])
    if not text.isascii():
        text = _fold(unicodedata.normalize("NFKC", text.translate(_SPELLINGS)))
    folded = _fold(text.casefold())
    found: list[str] = []
    if folded.isascii():
        begun = 0
        runs = _ASCII_WORD.findall(folded)
        for at, word in enumerate(runs):
            if not word.isalnum():
                found += runs[begun:at]
                found += _joined(word)
                begun = at + 1
        found += runs[begun:]
        return found
    for match in _WORD.finditer(folded):
        word = match.group()
        if match["unspaced"]:
            found.extend(word[i : i + 2] for i in range(max(1, len(word) - 1)))
        elif word.isalnum():
            found.append(word)
        else:
            found.extend(_joined(word))
    return found


def _joined(word: str) -> Iterable[str]:
    """The words in one run with commas, points, apostrophes, hyphens or ampersands inside."""
    return _known_parts(word) if len(word) <= _SHORT else _parts(word)


@lru_cache(maxsize=_MANY)
def _known_parts(word: str) -> tuple[str, ...]:
    return tuple(_parts(word))


def _parts(word: str) -> Iterable[str]:
    parts = _THOUSANDS.sub(lambda number: number.group().replace(",", ""), word).split(",")
    return chain.from_iterable(map(_compound, parts))


def _fold(text: str) -> str:
    """Without accents. Only the general combining marks go: those of Indic scripts are letters."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(c for c in apart if not "\u0300" <= c <= "\u036f"))


def _compound(word: str) -> Iterable[str]:
    """The words in one run of letters joined by apostrophes, points, hyphens or ampersands."""
    parts = re.split("[&-]", word)
    if len(parts) > 1:
        # "e-mail" must meet "email", and "US-China" a question about China.
        yield "".join(re.split("[.'&-]", word.removesuffix("'s")))
    for part in parts:
        if len(parts) == 1 or len(part) > 1:
            yield from _simple(part)


def _simple(word: str) -> Iterable[str]:
    word = word.removesuffix("'s")
    if word.endswith("n't") and len(word) > 3:
        word = word[:-3]
        word = {"ca": "can", "sha": "shall", "wo": "will"}.get(word, word)
    head, _, tail = word.rpartition("'")
    # Joined, "we'll" and "she'd" would turn into other words.
    while head and tail in _CLITICS:
        word = head
        head, _, tail = word.rpartition("'")
    if head:
        yield word.replace("'", "").replace(".", "")
        # "l'économie", "O'Brien": what follows is a word of its own too.
        if len(tail) > 2:
            yield tail
        return
    letters = word.split(".")
    if len(letters) == 1 or _DECIMAL.fullmatch(word):
        yield word
    elif all(len(letter) == 1 for letter in letters):
        yield "".join(letters)
    else:
        yield from letters


class TermMaker:
    """Makes the terms of chunks and questions for the languages of one index.

    A question may be in another language than a chunk, so each of its words is stemmed in its own and in
    every language of the index; a chunk holds the stems of its own language only, so no word counts twice.

    Args:
        stop_words: by language, as `words` writes them; left out of questions.

    Attributes:
        stop_words: with those of languages that chunks turned out to be in.
    """

    def __init__(self, stop_words: dict[str, frozenset[str]]) -> None:
        self.stop_words = dict(stop_words)
        self._stems: dict[str, dict[str, str]] = {language: {} for language in stop_words}
        self._stemmers: dict[str, Any] = {}
        # Snowball's stemmers keep state while they work.
        self._lock = threading.Lock()

    @classmethod
    def for_languages(cls, languages: Iterable[str]) -> TermMaker:
        """With the stop words of each of the languages."""
        return cls({language: _stop_words(language) for language in sorted(set(languages))})

    def of_chunk(self, text: str, language: str) -> list[str]:
        """Every term of a chunk's text, stop words too, as often as it occurs.

        Args:
            text: the chunk's.
            language: of its document; a chunk that is plainly in another one is stemmed in that.
        """
        own = passage_language(text, language)
        if own not in self.stop_words:
            self.stop_words[own] = _stop_words(own)
            self._stems[own] = {}
        known = self._stems[own]
        return [known.get(word) or self._stem(word, own) for word in words(text)]

    def of_passage(self, text: str, language: str) -> frozenset[str]:
        """The distinct terms of a text that need not be of the index, whose languages stay as they are.

        A text in a language that the index lacks is stemmed as the question's words are: in all that it has.
        """
        own = passage_language(text, language)
        if own not in self.stop_words:
            return frozenset(self.of_question(text, keep_stop_words=True))
        return frozenset(self._stem(word, own) for word in words(text))

    def of_question(self, text: str, *, keep_stop_words: bool = False) -> list[str]:
        """The distinct terms of a question, without stop words unless nothing else is there."""
        stems = self.by_word(text, keep_stop_words=keep_stop_words)
        return list(dict.fromkeys(stem for word in stems for stem in word))

    def by_word(self, text: str, *, keep_stop_words: bool = False) -> list[tuple[str, ...]]:
        """As `of_question`, the stems of each word together, one a language of the index at most.

        The stem in the question's own language comes first, where the index has that language.
        """
        # A passage is no question: nothing of it is left out, and the order says nothing.
        asked = None if keep_stop_words else self._asked(text)
        languages = sorted(self.stop_words, key=lambda language: (language != asked, language))
        kept = list(dict.fromkeys(words(text))) if keep_stop_words else self.content(text)
        return [tuple(dict.fromkeys(self._stem(word, language) for language in languages)) for word in kept]

    def content(self, text: str) -> list[str]:
        """The distinct words of a question, not stemmed, without stop words unless nothing else is there."""
        found = list(dict.fromkeys(words(text)))
        stops = self._stops(self._asked(text))
        return [word for word in found if not _is_stop(word, stops)] or found

    def names_nothing(self, text: str) -> bool:
        """Whether a question holds small words only, none of them written as a name: "When?", "Who was it?"."""
        stops = self._stops(self._asked(text))
        named = any(word[:1].isupper() for word in text.split()[1:])
        return not named and all(_is_stop(word, stops) for word in words(text))

    def _asked(self, text: str) -> str | None:
        """The question's language; where nothing tells it, the default one if the index has that."""
        default = DEFAULT_LANGUAGE if DEFAULT_LANGUAGE in self.stop_words else None
        return question_language(text) or default

    def _stops(self, asked: str | None) -> frozenset[str]:
        """The question's own small words: "sea" and "son" are Spanish ones, and English nouns."""
        if asked is None:
            return frozenset().union(*self.stop_words.values())
        return self.stop_words[asked] if asked in self.stop_words else _stop_words(asked)

    def _stem(self, word: str, language: str) -> str:
        cache = self._stems[language]
        stem = cache.get(word)
        if stem is None:
            stem = word
            if language in _SNOWBALL and word.isalpha():
                with self._lock:
                    stem = self._stemmer(language).stemWord(word)
            # Questions bring new words for ever; the chunks' own words are what the cache is for.
            if len(cache) < _CACHE_LIMIT:
                cache[word] = stem
        return stem

    def _stemmer(self, language: str) -> Any:
        if language not in self._stemmers:
            import Stemmer

            self._stemmers[language] = Stemmer.Stemmer(_SNOWBALL[language])
        return self._stemmers[language]


@lru_cache(maxsize=64)
def _stop_words(language: str) -> frozenset[str]:
    if language == "en":
        return frozenset(words(_ENGLISH_STOP_WORDS))
    if language in _UNSPACED_STOP_WORDS:
        return frozenset(_UNSPACED_STOP_WORDS[language].split())
    import bm25s.stopwords

    name = _SNOWBALL.get(language, {"ko": "korean"}.get(language, "")).upper()
    listed = getattr(bm25s.stopwords, f"STOPWORDS_{name}", ()) if name else ()
    own = (*STOP_WORDS.get(language, ()), *ASKING_WORDS.get(language, ()))
    return frozenset(word for entry in (*listed, *own) for word in words(entry))


def _is_stop(word: str, stops: frozenset[str]) -> bool:
    """Whether a word is a stop word, or a pair of characters that holds one."""
    if word in stops:
        return True
    return len(word) == 2 and word[0] > _FIRST_UNSPACED and (word[0] in stops or word[1] in stops)


def language_of(tag: str | None) -> str:
    """The part of a language tag that chooses the stemmer.

    >>> language_of("en-GB")
    'en'
    """
    language = (tag or DEFAULT_LANGUAGE).replace("_", "-").split("-")[0].lower()
    return {"nb": "no", "nn": "no"}.get(language, language)
