"""Which language a paragraph or a question is written in, by its script and its commonest small words.

A trained detector would cost more (megabytes and a dependency) than the choice of a sentence
splitter's rules needs. Counting function words is right on nearly every paragraph of 8 words or more of the
languages below; shorter or other text takes the document's language.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from itertools import chain

__all__ = [
    "ASKING_WORDS",
    "STOP_WORDS",
    "guess_language",
    "is_function_word",
    "passage_language",
    "question_language",
]

STOP_WORDS: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the of and to in a is that for it was on with as at by from are this be have has his an not "
        "which they he she its their but were will would had been or who when what there if into than",
        "es": "el la los las de del y que en un una por con para se su sus al lo como más pero es son fue ha han "
        "este esta esto entre sobre también muy ya cuando sin desde hasta donde porque durante",
        "de": "der die das und in den von zu mit sich des auf für ist im dem nicht ein eine als auch es an werden "
        "aus er hat dass sie nach wird bei einer um am sind noch wie einem über so zum war haben nur oder",
        "fr": "le la les de des du et un une en que qui dans pour pas sur plus par au aux ce cette il elle est sont "
        "avec se ne ou son sa ses mais comme été a ont leur leurs nous vous être entre",
        "it": "il lo la i gli le di del della dei delle e che in un una per con non si da al alla nel nella sono è "
        "come più ma ha anche o su se questo questa dal dalla ai tra suo sua stato",
        "pt": "o a os as de do da dos das e que em um uma para com não se por no na nos nas mais como mas ao pelo "
        "pela foi são é também seu sua ou quando já entre até sobre",
        "nl": "de het een van en in is dat op te voor met die zijn niet aan er om ook als dan maar bij nog uit "
        "naar werd wordt door over heeft hebben deze dit ze hij tot",
        "sv": "och att det som en på är av för med den till inte om ett har de men var jag vi så kan från han "
        "eller hade när sig också",
        "pl": "i w na z do się nie że to jest o jak po ale za od przez dla jego oraz był są tym które który być",
    }.items()
}
_LANGUAGES: dict[str, tuple[str, ...]] = {
    word: tuple(code for code, words in STOP_WORDS.items() if word in words)
    for word in frozenset().union(*STOP_WORDS.values())
}
_MIN_HITS = 3
_MIN_KINDS = 4
# Words that only questions and requests begin with or turn on; a question has too few others to tell by.
ASKING_WORDS = {
    language: frozenset(words.split())
    for language, words in {
        "en": "what which who whom whose when where why how do does did can could should give list name explain",
        "es": "qué quién quiénes cuál cuáles cuándo cuánto cuánta cuántos cuántas dónde cómo quien cual cuales "
        "cuando cuanto cuantos donde hay tiene hizo quiere puede debe",
        "de": "was will kann muss soll wer wen wem wessen wann wo woher wohin warum weshalb wieso wie wieviel "
        "wieviele welche welcher welches welchen welchem worüber wodurch womit wofür woran viele gibt wurde "
        "wurden hatte",
        "fr": "veut peut doit va quoi quel quelle quels quelles quand où pourquoi comment combien qu "
        "lequel laquelle sert fait était étaient ont cela ça",
        "it": "chi che cosa quale quali quando dove perché quanto quanti quante quanta cos qual",
        "pt": "quem qual quais onde quanto quantos quantas quanta porquê porque quê",
        "nl": "wie wat waar wanneer waarom hoe hoeveel welk welke waarmee",
        "sv": "vem vad vilken vilket vilka varför hur var",
        "pl": "kto kogo komu co gdzie kiedy dlaczego ile jaki jaka jakie czy skąd",
    }.items()
}
_ASKED_WORDS = {language: STOP_WORDS[language] | asking for language, asking in ASKING_WORDS.items()}
_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af]")),
    ("zh", re.compile("[\u3400-\u9fff]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
)
_OTHER_SCRIPT = re.compile("".join(("[", *(pattern.pattern[1:-1] for _, pattern in _SCRIPTS), "]")))
_WORD = re.compile(r"[^\W\d_]+")
_NO_LETTERS = {code: " " for code in range(128) if not chr(code).isalpha()}
_TYPOGRAPHY = "“”‘’–—…"  # all that keeps most texts from being ASCII
_SAMPLE = 1500  # characters; a paragraph's language shows long before


def guess_language(text: str, default: str = "en") -> str:
    """ISO 639-1 code of the language, or `default` where the text is too short to tell.

    >>> guess_language("Las empresas han buscado durante mucho tiempo mayor claridad en la ley.")
    'es'
    """
    return _guess(text[:_SAMPLE], default)


@lru_cache(maxsize=512)  # a document's paragraphs are asked about more than once
def _guess(sample: str, default: str) -> str:
    if not sample.isascii() and _OTHER_SCRIPT.search(sample):
        letters = sum(map(str.isalpha, sample))
        for code, pattern in _SCRIPTS:
            n = len(pattern.findall(sample))
            # Japanese mixes kana into Chinese characters: a tenth of kana is telling.
            if n and n >= letters * (0.1 if code == "ja" else 0.3):
                return code
    words = _letter_runs(sample)
    hits = Counter(chain.from_iterable(filter(None, map(_LANGUAGES.get, words))))
    if not hits:
        return default
    best, n = hits.most_common(1)[0]
    if n < max(_MIN_HITS, 0.15 * len(words), 1.3 * hits[default]):
        return default
    return best


def _letter_runs(text: str) -> list[str]:
    """What `_WORD` finds in the text in lower case, in half the time where all but its quotation marks is ASCII."""
    lowered = text.lower()
    plain = lowered
    if not plain.isascii():
        for mark in _TYPOGRAPHY:
            plain = plain.replace(mark, " ")
    return plain.translate(_NO_LETTERS).split() if plain.isascii() else _WORD.findall(lowered)


@lru_cache(maxsize=8192)
def passage_language(text: str, default: str = "en") -> str:
    """As `guess_language`, and only where the evidence is plain; else `default`.

    What is cut and stemmed by another language's rules than its document's has several different small
    words of that language: a list of French titles or "I’m", "I’d", "I’ll" don't make a paragraph foreign.

    >>> passage_language("“I’m hurt, I’m sad,” he said. “I know, I know.”")
    'en'
    """
    language = guess_language(text, default)
    if language == default or language not in STOP_WORDS:
        return language
    found = _letter_runs(text[:_SAMPLE])
    own = [word for word in found if word in STOP_WORDS[language]]
    others = sum(word in STOP_WORDS.get(default, ()) for word in found)
    plain = len(set(own)) >= _MIN_KINDS and len(own) >= max(0.2 * len(found), 2 * others)
    return language if plain else default


@lru_cache(maxsize=1024)
def question_language(text: str) -> str | None:
    """ISO 639-1 code of a question's language; None where nothing tells it (keywords, a name).

    >>> question_language("¿Qué quiere fortalecer Washington?"), question_language("Who was it?")
    ('es', 'en')
    >>> question_language("rare earths tariffs") is None
    True
    """
    letters = sum(map(str.isalpha, text))
    for code, pattern in _SCRIPTS:
        n = len(pattern.findall(text))
        if n and n >= letters * (0.05 if code == "ja" else 0.3):
            return code
    if "¿" in text or "¡" in text:
        return "es"
    found = _letter_runs(text)
    hits = {code: sum(word in words for word in found) for code, words in _ASKED_WORDS.items()}
    hits["de"] += bool(re.search("[äöüß]", text))
    best = max(hits, key=lambda code: (hits[code], code == "en"))
    if not hits[best]:
        return None
    # One small word is a name's as often as a language's ("La Paz"); a question word is not.
    asks = any(word in ASKING_WORDS[best] for word in found)
    return best if hits[best] > 1 or asks else None


def is_function_word(word: str) -> bool:
    """Whether the word is one of the small words that no sentence ends with and no name consists of.

    >>> is_function_word("of"), is_function_word("treaty")
    (True, False)
    """
    return word in _LANGUAGES
