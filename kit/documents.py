"""A record to PDF (Typst): the same data and template give the same bytes, on any day and any machine with the same fonts."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import typst

from kit.errors import Unavailable

FONT_FOLDERS = (
    Path("/usr/share/fonts/truetype/ipamj"),
    Path("/usr/share/fonts/opentype/ipaexfont-mincho"),
    Path("/usr/share/fonts/opentype/ipaexfont-gothic"),
)
FAMILIES = {"IPAmjMincho", "IPAexMincho", "IPAexGothic"}


@cache
def _fonts() -> Any:
    fonts = typst.Fonts(include_system_fonts=False, font_paths=[str(folder) for folder in FONT_FOLDERS])
    missing = sorted(FAMILIES - set(fonts.families()))
    if missing:
        raise Unavailable(f"fonts are missing: {', '.join(missing)}; `make tools` installs them")
    return fonts


def render(template: Path, data: Mapping[str, object]) -> bytes:
    """PDF of the template filled with `data`, which the template reads as JSON from `sys.inputs.data`.

    Raises
    ------
    Unavailable
        A font is missing: a certificate never falls back to a look-alike.
    """
    text = json.dumps(data, ensure_ascii=False, sort_keys=True)
    pdf = typst.Compiler(str(template), font_paths=_fonts()).compile(sys_inputs={"data": text}, format="pdf")
    return cast(bytes, pdf)
