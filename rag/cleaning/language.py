"""Which language a paragraph is written in, by its script and its commonest small words.

A trained detector would cost more (megabytes and a dependency) than the choice of a sentence
splitter's rules needs. Counting function words is right on nearly every paragraph of 8 words or more of the
languages below; shorter or other text takes the document's language.
"""

from __future__ import annotations

import re
from collections import Counter

__all__ = ["STOP_WORDS", "guess_language", "is_function_word"]

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
_WORD = re.compile(r"[^\W\d_]+")
_SAMPLE = 1500  # characters; a paragraph's language shows long before


def guess_language(text: str, default: str = "en") -> str:
    """ISO 639-1 code of the language, or `default` where the text is too short to tell.

    >>> guess_language("Las empresas han buscado durante mucho tiempo mayor claridad en la ley.")
    'es'
    """
    sample = text[:_SAMPLE]
    if not sample.isascii():
        letters = sum(map(str.isalpha, sample))
        for code, pattern in _SCRIPTS:
            n = len(pattern.findall(sample))
            # Japanese mixes kana into Chinese characters: a tenth of kana is telling.
            if n and n >= letters * (0.1 if code == "ja" else 0.3):
                return code
    words = _WORD.findall(sample.lower())
    hits = Counter(code for word in words for code in _LANGUAGES.get(word, ()))
    if not hits:
        return default
    best, n = hits.most_common(1)[0]
    if n < max(_MIN_HITS, 0.15 * len(words), 1.3 * hits[default]):
        return default
    return best


def is_function_word(word: str) -> bool:
    """Whether the word is one of the small words that no sentence ends with and no name consists of.

    >>> is_function_word("of"), is_function_word("treaty")
    (True, False)
    """
    return word in _LANGUAGES
