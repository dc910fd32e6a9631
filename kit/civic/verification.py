"""Verification codes of issued papers: twenty characters that are hard to misread and impossible to guess. Pure.

Alphabet of 31 characters without 0, 1, I, L, O. Nineteen are drawn (94 bits), the last is a check character: the sum of all
values, each times its place, is a multiple of 31. As 31 is a prime and there are fewer places, every single wrong character
and every exchange of two characters is noticed.
"""

import hashlib
import re
from collections.abc import Callable

import jaconv

from kit.errors import Invalid

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 20
_SEPARATORS = re.compile(r"[\s\-‐‑–—―−ー－]+")


def check_character(first: str) -> str:
    """The twentieth character for the first nineteen."""
    total = sum(place * ALPHABET.index(each) for place, each in enumerate(first, 1))
    # 20 · x ≡ −total (mod 31), and 20 · 14 ≡ 1
    return ALPHABET[-total * 14 % 31]


def draw(below: Callable[[int], int]) -> str:
    """A new code; `below(n)` is a source of secret numbers under n, such as `secrets.randbelow`."""
    first = "".join(ALPHABET[below(len(ALPHABET))] for _ in range(LENGTH - 1))
    return first + check_character(first)


def check_code(text: str) -> str:
    """The code without separators, in half-width capitals, when it is well formed.

    Raises
    ------
    Invalid
        Wrong length, a character that no code has, or a wrong check character.
    """
    half = jaconv.z2h(text, kana=False, ascii=True, digit=True)
    code = _SEPARATORS.sub("", half).upper()
    if len(code) != LENGTH or not set(code) <= set(ALPHABET):
        raise Invalid("verification code: twenty characters, digits 2-9 and letters without I, L, O")
    if code[-1] != check_character(code[:-1]):
        raise Invalid("verification code: the check character is wrong, one character was misread")
    return code


def printed(code: str) -> str:
    """The code as it stands on paper, in groups of five."""
    return "-".join(code[at : at + 5] for at in range(0, LENGTH, 5))


def digest(code: str) -> bytes:
    """What is kept of a code where the public asks: its SHA-256. Who reads it learns no code."""
    return hashlib.sha256(code.encode()).digest()
