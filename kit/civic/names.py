"""Keys for finding names and addresses, derived for searching only: what is stored is never altered. Pure.

A key is made by `fold`: compatibility forms (NFKC), capitals, spaces, variation selectors, small kana, hiragana and 異体字
make no difference. `variants.txt` beside this file lists the 異体字 with their sources.
"""

import re
import unicodedata
from collections.abc import Collection
from functools import cache
from operator import add
from pathlib import Path

from kit.errors import Invalid

_SELECTORS = [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
#: left out of keys: spaces, variation selectors (they choose a glyph, not a character), joiners, the dot between foreign names
DROPPED = "".join(map(chr, [*_SELECTORS, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF])) + " \u3000\u00a0\t\r\n\u00ad・"
_LEFT_OUT = dict.fromkeys(map(ord, DROPPED))
_KANA = str.maketrans("ァィゥェォッャュョヮヵヶヲヰヱヂヅ", "アイウエオツヤユヨワカケオイエジズ")
#: ヴァ and バ, ヴ and ブ are one sound to those who write it down
_VA = {"ヴア": "バ", "ヴイ": "ビ", "ヴエ": "ベ", "ヴオ": "ボ", "ヴ": "ブ"}
_AGAIN = re.compile("(.)[々〻]")


@cache
def variants() -> dict[str, str]:
    """The 異体字 and what keys use instead of them."""
    lines = (Path(__file__).parent / "variants.txt").read_text(encoding="utf-8").splitlines()
    groups = [group for line in lines if not line.startswith("#") for group in line.split()]
    return {each: group[0] for group in groups for each in group[1:]}


@cache
def table() -> dict[int, str | None]:
    """What one character becomes in a key, after NFKC: for `str.translate`, and for the same in SQL."""
    found: dict[int, str | None] = {ord(a): b for a, b in variants().items()}
    found |= {n: chr(n + 0x60) for n in range(0x3041, 0x3097)}  # hiragana
    found |= {n: chr(n + 32) for n in range(0x41, 0x5B)}
    small = {n: chr(m) for n, m in _KANA.items()}
    found |= small | {n - 0x60: to for n, to in small.items()}
    found |= dict.fromkeys(map(ord, "‐‑‒–—−"), "-")  # hyphens and dashes, never the long vowel ー
    return found | dict.fromkeys(map(ord, DROPPED), None)


def fold(text: str) -> str:
    """The text as it is compared: two texts that a clerk may take for one another have the same fold."""
    seen = text.translate(_LEFT_OUT)  # first, so that a mark meets the letter that it is seen on
    folded = _AGAIN.sub(r"\1\1", unicodedata.normalize("NFKC", seen).translate(table()))
    for sound, plain in _VA.items():
        folded = folded.replace(sound, plain)
    return folded


def fold_all(texts: Collection[str]) -> dict[str, str]:
    """Each text and its fold; for thousands at a time, folded in one piece with a sign between them that folding leaves alone."""
    folded = fold("|".join(texts)).split("|")
    if len(folded) != len(texts):  # a text has the sign itself, or begins with a mark that repeats what stands before it
        return {text: fold(text) for text in texts}
    return dict(zip(texts, folded, strict=True))


def bigrams(text: str) -> list[str]:
    """All pairs of neighbouring characters of the folded text, each once, in order; a single character stands alone."""
    return pairs(fold(text))


def pairs(folded: str) -> list[str]:
    """`bigrams` of a text that is folded already."""
    return list(dict.fromkeys(map(add, folded, folded[1:]))) if len(folded) > 1 else [folded] if folded else []


def kana_key(text: str) -> str:
    """A reading as it is compared: full-width katakana without spaces, small kana enlarged, ヴ as バ行."""
    return fold(text)


def check_kana(text: str) -> str:
    """The reading itself when it is katakana; raises `Invalid` without repeating it."""
    if not text or not re.fullmatch("[ァ-ヴー・\u3000 ]+", text):
        raise Invalid("the reading is written in full-width katakana")
    return text
