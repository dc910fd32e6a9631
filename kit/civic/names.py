"""Keys for finding names and addresses. Derived for search only: what is stored is never altered. Pure."""

import re

import jaconv

from kit.errors import Invalid

#: variation selectors, standard and ideographic: they choose a glyph, not a character
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_SPACES = re.compile(r"\s+")
_SMALL = str.maketrans("ァィゥェォッャュョヮヵヶヴ", "アイウエオツヤユヨワカケウ")


def fold(text: str) -> str:
    """The text without spaces and variation selectors."""
    return _SPACES.sub("", _SELECTORS.sub("", text))


def bigrams(text: str) -> list[str]:
    """All pairs of neighbouring characters of the folded text, each once, in order; a single character stands alone."""
    folded = fold(text)
    return list(dict.fromkeys(folded[i : i + 2] for i in range(max(len(folded) - 1, 1)))) if folded else []


def kana_key(text: str) -> str:
    """Full-width katakana without spaces, small kana enlarged."""
    wide: str = jaconv.hira2kata(jaconv.h2z(text))
    return _SPACES.sub("", wide).translate(_SMALL)


def check_kana(text: str) -> str:
    """The reading itself when it is katakana; raises `Invalid` without repeating it."""
    if not text or not re.fullmatch("[ァ-ヴー・\u3000 ]+", text):
        raise Invalid("the reading is written in full-width katakana")
    return text


def check_no_private_use(text: str) -> str:
    """The text itself when every character is identified.

    Raises
    ------
    Invalid
        A private-use character (外字): it must be identified (同定) first.
    """
    if any("\ue000" <= c <= "\uf8ff" or ord(c) >= 0xF0000 for c in text):
        raise Invalid("a private-use character (外字) must be identified first")
    return text
