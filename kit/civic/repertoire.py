"""Characters that a smaller repertoire lacks (縮退), and private-use characters (外字). Pure.

References
----------
Variation selectors: Unicode Technical Standard 37. CP932 as Microsoft maps it. Variants: the pairs are plain spelling variants
(異体字) of the same character in 常用漢字表's sense; a proposal only, the clerk decides.
"""

import re
from dataclasses import dataclass

GETA = "〓"
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")
_SELECTOR = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
#: character that CP932 lacks -> the nearest it has
SUBSTITUTES = {
    "𠮷": "吉", "𣘺": "橋", "𡈽": "土", "𠀋": "丈", "𡌛": "塚", "𨦇": "鐶", "𦚰": "脇", "𩸽": "鱈", "𠩤": "原", "𥔎": "碕",
    "〜": "～", "−": "－", "—": "―", "‖": "∥", "¥": "￥", "¢": "￠", "£": "￡", "¬": "￢",
    "剝": "剥", "頰": "頬", "塡": "填", "𠮟": "叱", "噓": "嘘", "搔": "掻", "瘦": "痩", "蟬": "蝉", "醬": "醤", "顚": "顛",
    "鷗": "鴎", "麴": "麹", "繫": "繋", "嚙": "噛", "摑": "掴", "攢": "攅", "瀆": "涜", "瘙": "掻", "簞": "箪", "繡": "繍",
    "萊": "莱", "蔣": "蒋", "蠟": "蝋", "軀": "躯", "醱": "醗", "驒": "騨", "俠": "侠", "俱": "倶", "屢": "屡", "幷": "并",
    "槪": "概", "禱": "祷", "屛": "屏", "潑": "溌", "焰": "焔", "囊": "嚢", "吞": "呑",
}  # fmt: skip


@dataclass(frozen=True)
class Substitution:
    """One character that was replaced on the way out; `row` and `column` are counted from 1, the heading is row 1."""

    row: int
    column: int
    code_point: str
    substitute: str


def code_point(character: str) -> str:
    """`U+20BB7` for 𠮷."""
    return f"U+{ord(character):04X}"


def private_use(text: str) -> list[str]:
    """Private-use characters of the text, each once, in order."""
    return list(dict.fromkeys(_PRIVATE.findall(text))) if _PRIVATE.search(text) else []


def to_cp932(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The text in CP932's repertoire, and each (character, substitute) that had to be replaced, in order.

    A variation selector that goes is a replacement by nothing: it is told as well. Private-use characters become 〓, although
    CP932 has a place for them: there they would mean something else on every machine.
    """
    if not _PRIVATE.search(text) and _survives(text):
        return text, []
    out, replaced = [], []
    for character in text:
        substitute = _substitute(character)
        if substitute is None:
            out.append(character)
        else:
            out.append(substitute)
            replaced.append((character, substitute))
    return "".join(out), replaced


def _substitute(character: str) -> str | None:
    if _SELECTOR.match(character):
        return ""
    if not _PRIVATE.match(character) and _survives(character):
        return None
    return SUBSTITUTES.get(character, GETA)


def _survives(text: str) -> bool:
    """Whether CP932 brings the same text back: its encoder also takes look-alikes (〜, −, ‖), which come back as others."""
    try:
        return text.encode("cp932").decode("cp932") == text
    except UnicodeEncodeError:
        return False
