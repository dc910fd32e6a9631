"""A record to PDF (Typst): the same data and template give the same bytes, on any day and any machine with the same fonts.

Nothing is shared between two documents but the fonts: each gets a compiler of its own, and its canary is looked for in the
finished file before it is handed over (docs/decisions/0035-certificate-pages.md).
"""

import io
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

import typst

from kit.errors import Unavailable, Unprintable

FONT_FOLDERS = (
    Path("/usr/share/fonts/truetype/ipamj"),
    Path("/usr/share/fonts/opentype/ipaexfont-mincho"),
    Path("/usr/share/fonts/opentype/ipaexfont-gothic"),
)
FAMILIES = {"IPAmjMincho", "IPAexMincho", "IPAexGothic"}
#: the fonts names are set in, the first that has the character
NAME_FONTS = (FONT_FOLDERS[0] / "ipamjm.ttf", FONT_FOLDERS[1] / "ipaexm.ttf")
#: PDF standards in use: PDF/A-2a (ISO 19005-2, tagged)
Standard = Literal["a-2a"]


@cache
def _fonts() -> Any:
    fonts = typst.Fonts(include_system_fonts=False, font_paths=[str(folder) for folder in FONT_FOLDERS])
    missing = sorted(FAMILIES - set(fonts.families()))
    if missing:
        raise Unavailable(f"fonts are missing: {', '.join(missing)}; `make tools` installs them")
    return fonts


@cache
def _glyphs() -> tuple[frozenset[int], frozenset[tuple[int, int]]]:
    """Code points, and code points with a variation selector, that the name fonts have a glyph for."""
    from fontTools.ttLib import TTFont  # a tenth of a second, which processes that print nothing need not spend

    _fonts()
    characters: set[int] = set()
    variants: set[tuple[int, int]] = set()
    for file in NAME_FONTS:
        table = TTFont(file, lazy=True)["cmap"]
        characters |= set(table.getBestCmap())
        for each in table.tables:
            if each.format == 14:
                variants |= {(base, selector) for selector, pairs in each.uvsDict.items() for base, _ in pairs}
    return frozenset(characters), frozenset(variants)


def is_selector(character: str) -> bool:
    """Whether it is a variation selector: it chooses a glyph of the character before it."""
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def check_printable(texts: Iterable[str]) -> list[str]:
    """Variation sequences for which the fonts have the character but not that form, as `U+9089 U+E0101`, each once.

    They come out in the character's basic form. That is for the caller to say on the page and in the answer.

    Raises
    ------
    Unprintable
        A character has no glyph at all; names its code points. Nothing is set in a look-alike or as an empty box.
    """
    characters, variants = _glyphs()
    missing, basic = [], []
    for text in texts:
        for at, each in enumerate(text):
            if is_selector(each):
                before = text[at - 1 : at]
                if not before or (ord(before), ord(each)) not in variants:
                    basic.append(" ".join(f"U+{ord(c):04X}" for c in before + each))
            elif ord(each) not in characters and each not in "\n\t":
                missing.append(f"U+{ord(each):04X}")
    if missing:
        named = ", ".join(dict.fromkeys(missing))
        raise Unprintable(f"the fonts here have no glyph for {named}: have the character identified (同定) first")
    return list(dict.fromkeys(basic))


def qr_svg(text: str) -> str:
    """A QR code (error correction M) as SVG, two modules of margin; the same text gives the same picture."""
    import segno  # it takes a twentieth of a process's start

    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", border=2, xmldecl=False, nl=False)
    return out.getvalue().decode()


def render(
    template: Path,
    data: Mapping[str, object],
    *,
    inputs: Mapping[str, str] | None = None,
    standard: Standard | None = None,
    canary: str | None = None,
) -> bytes:
    """PDF of the template filled with `data`, which the template reads as JSON from `sys.inputs.data`.

    `inputs` are further texts for `sys.inputs`. With `standard` the file is PDF/A, tagged, and a character without glyph is an
    error. `canary` is a text that the template writes into the file's keywords, and must be found there.

    Raises
    ------
    Unavailable
        A font is missing: a certificate never falls back to a look-alike. Or the finished file is not of this data.
    Unprintable
        A character has no glyph.
    """
    text = json.dumps(data, ensure_ascii=False, sort_keys=True)
    compiler = typst.Compiler(str(template), font_paths=_fonts())
    try:
        pdf = compiler.compile(
            sys_inputs={"data": text, **(inputs or {})}, format="pdf", pdf_standards=[standard] if standard else []
        )
    except typst.TypstError as wrong:
        if "could not be displayed" not in str(wrong):
            raise
        raise Unprintable("the page holds a character that the fonts here have no glyph for") from None
    if canary is not None and canary.encode() not in cast(bytes, pdf):
        raise Unavailable("the finished file is not of this record: nothing was handed over")
    return cast(bytes, pdf)
