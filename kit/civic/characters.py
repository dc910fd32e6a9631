"""Which characters a name on the register may have. Pure: a name is taken as it is or refused by a stated rule, never altered.

References
----------
住民基本台帳法 art. 7 no. 1; 行政事務標準文字 (MJ+); 外国人住民: letters of the residence card (住民基本台帳事務処理要領 第1-5).
What the rule refuses beyond private-use characters is office practice.
"""

import re
import unicodedata

from kit.errors import Invalid

#: beside letters: spaces, the dots, dashes and marks that foreign names are written with
_MARKS = frozenset(" \u3000・･.．,，'’‘-‐－ー゠=＝()（）")
_SCRIPTS = (
    "LATIN",
    "FULLWIDTH LATIN",
    "CJK",
    "HIRAGANA",
    "KATAKANA",
    "HALFWIDTH KATAKANA",
    "HENTAIGANA",
    "IDEOGRAPHIC",
    "VERTICAL",
)
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_COMBINING_KANA = "\u3099\u309a"

PRIVATE = "a private-use character (外字) must be identified first (同定)"
INVISIBLE = "a control, zero-width or direction character: it cannot be seen and so cannot be checked"
SYMBOL = "a symbol or emoji: a name is written in letters"
SCRIPT = "a letter that is not kanji, kana or Latin: foreign names are entered as the residence card has them"
LOOSE = "a variation selector or combining mark stands behind no letter"


def _is_ideograph(c: str) -> bool:
    """Kanji of planes 2 and 3 too, of which some are younger than the table of this Python."""
    return 0x20000 <= ord(c) <= 0x3FFFD and ord(c) & 0xFFFF < 0xFFFE


def _wrong(c: str, before: str) -> str | None:
    """The rule that the character breaks behind `before`, or None."""
    number, category = ord(c), unicodedata.category(c)
    letter = before != "" and (_is_ideograph(before) or unicodedata.category(before)[0] in "LM")
    if 0xE000 <= number <= 0xF8FF or number >= 0xF0000:
        return PRIVATE
    if _SELECTORS.match(c) or category in ("Mn", "Mc"):
        known = _SELECTORS.match(c) or c in _COMBINING_KANA or 0x300 <= number <= 0x36F
        return (None if letter else LOOSE) if known else SCRIPT
    if c in _MARKS or _is_ideograph(c):
        return None
    if category[0] == "C" or category in ("Zl", "Zp", "Zs"):
        return INVISIBLE
    if c in "〇゛゜ﾞﾟ" or unicodedata.normalize("NFKC", c) in "0123456789":
        return None
    if category[0] in "SNP":
        return SYMBOL
    return None if unicodedata.name(c, "").startswith(_SCRIPTS) else SCRIPT


def check_name(text: str) -> str:
    """The name itself when every character may stand in one.

    Raises
    ------
    Invalid
        Names the rule and the place of the character, counted in code points from 1, never the character.
    """
    if not any(c not in _MARKS for c in text):
        raise Invalid("the name is empty")
    for place, c in enumerate(text):
        wrong = _wrong(c, text[place - 1] if place else "")
        if wrong:
            raise Invalid(f"the name cannot be taken, character {place + 1}: {wrong}")
    return text
