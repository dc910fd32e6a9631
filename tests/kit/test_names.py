"""Keys for searching, and the characters a name may have."""

import itertools
import random
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.civic import characters, names
from kit.errors import Invalid

FILE = Path(names.__file__).parent / "variants.txt"
GROUPS = [g for line in FILE.read_text().splitlines() if not line.startswith("#") for g in line.split()]


def test_every_variant_folds_to_one_character_and_stands_in_one_group() -> None:
    everything = "".join(GROUPS)
    assert len(GROUPS) > 400
    assert len(set(everything)) == len(everything)
    for group in GROUPS:
        assert len(group) > 1
        assert {names.fold(c) for c in group} == {names.fold(group[0])}, group
        assert all(unicodedata.normalize("NFKC", c) == c for c in group), group


@pytest.mark.parametrize(
    "same",
    [
        ("斎藤", "齋藤", "斉藤", "齊藤", "斎\U000e0101藤"),
        ("渡辺", "渡邊", "渡邉", "渡邊\U000e0103", "渡 辺"),
        ("山崎", "山﨑", "山嵜"),
        ("高橋", "髙橋", "髙槗"),
        ("大塚", "大\ufa10"),
        ("福田", "\ufa1b田"),
        ("佐々木", "佐佐木"),
        ("七ヶ宿", "七ケ宿"),
        ("ゴトウ", "ごとう", "ｺﾞﾄｳ", "コ\u3099トウ", "ゴ　トウ"),
        ("ヴァイス", "バイス", "ばいす"),
        ("ジョージ", "ジヨージ", "じょーじ"),
        ("1番地2-3", "１番地２－３", "1番地2‐3"),
        ("Smith", "ＳＭＩＴＨ"),
    ],
)
def test_what_a_clerk_takes_for_the_same_has_the_same_key(same: tuple[str, ...]) -> None:
    assert len({names.fold(each) for each in same}) == 1, [names.fold(each) for each in same]


@pytest.mark.parametrize(
    "pair", [("佐藤", "伊藤"), ("カイ", "ガイ"), ("ハ", "バ"), ("オノ", "オーノ"), ("岩", "巌"), ("埼", "崎")]
)
def test_what_is_not_the_same_has_another_key(pair: tuple[str, str]) -> None:
    assert names.fold(pair[0]) != names.fold(pair[1])


def test_a_key_of_a_key_is_itself() -> None:
    rng = random.Random(1)
    pool = [
        *"".join(GROUPS),
        *map(chr, range(0x3041, 0x3097)),
        *map(chr, range(0x30A1, 0x30F7)),
        *"ｱー々 \u3000Ａz9",
        "\U000e0100",
    ]
    for _ in range(3000):
        key = names.fold("".join(rng.choices(pool, k=6)))
        assert names.fold(key) == key


def kinds() -> dict[str, list[str]]:
    """About 2,000 names of the kinds that go wrong elsewhere."""
    kanji, kana = "藤太朗花山田渡邊齋髙﨑", "アイウカキクヤユヨ"
    pairs = ["".join(p) for p in itertools.permutations(kanji, 2)]
    return {
        "ivs": [f"{p[0]}{chr(0xE0100 + i % 8)} {p[1]}{chr(0xE0102)}" for i, p in enumerate(pairs)] * 2,
        "astral": [f"𠮷{p}𡈽" for p in pairs] + [f"\U000323af{p}" for p in pairs],
        "private use": [chr(0xE000 + 37 * i) + p for i, p in enumerate(pairs)]
        + [p + chr(0xF0000 + i) for i, p in enumerate(pairs)],
        "half-width kana": [f"ﾔﾏﾀﾞ{c}{d}ﾟ" for c in "ｱｲｳｴｵｶｷｸｹｺ" for d in "ﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓ" * 2],
        "combining dakuten": [f"{c}\u3099{d}き\u3099" for c in "かきくけこさしすせそ" for d in kana],
        "nfc": [unicodedata.normalize("NFC", f"{c}\u0301 Nguyễn É{i}") for i, c in enumerate("aeiouyAEIOUY" * 12)],
        "nfd": [unicodedata.normalize("NFD", f"{c}\u0301 Nguyễn É{i}") for i, c in enumerate("aeiouyAEIOUY" * 12)],
        "compatibility": [f"{chr(0xFA10 + i)}{p}" for i, p in enumerate(pairs) if i < 94],
        "right to left": [f"{a}{b}ד" for a, b in itertools.product("אבגדהوزحط", "ابجדהו")] + [f"山\u202e{p}" for p in pairs],
        "zero width": [f"{p[0]}{z}{p[1]}" for p, z in itertools.product(pairs, "\u200b\u200c\u200d\u2060")],
        "emoji": [f"{p}{chr(0x1F600 + i % 80)}" for i, p in enumerate(pairs)] + ["👨\u200d👩\u200d👧", "🏳️‍🌈"],
        "control": [f"{p}{chr(i % 32)}" for i, p in enumerate(pairs[:64])],
        "marks alone": ["\U000e0100山", "\u3099か", " \U000e0101", "\u0301a"],
        "other scripts": ["김철수", "Иванов", "สมชาย", "Γεώργιος", "अमित"],
        "nothing": ["", " ", "\u3000", "・ー"],
    }


ACCEPTED = {"ivs", "astral", "half-width kana", "combining dakuten", "nfc", "nfd", "compatibility"}


def told(name: str) -> str | None:
    """The rule by which the name is refused, or None when it is taken."""
    try:
        return None if characters.check_name(name) == name else "altered"
    except Invalid as refused:
        return refused.detail


@pytest.mark.proves("API-3")
def test_two_thousand_names_are_taken_as_they_are_or_refused_by_a_rule() -> None:
    found = kinds()
    assert sum(map(len, found.values())) >= 2000
    for kind, texts in found.items():
        for text in texts:
            rule = told(text)
            assert (rule is None) == (kind in ACCEPTED), (kind, ascii(text), rule)
            assert rule is None or not any(c in rule for c in text if ord(c) > 0x7F and c not in "外字同定"), (kind, rule)


@given(st.lists(st.text(alphabet="|々ヴァ゛か\u3099ABＡ 高髙\U000e0100\n", max_size=5), max_size=6, unique=True))
def test_folding_many_in_one_piece_is_folding_each(texts: list[str]) -> None:
    assert names.fold_all(texts) == {text: names.fold(text) for text in texts}
