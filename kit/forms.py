"""Forms as data: what is asked, how an answer is read, what is wrong with it. Rendered by `pages/form.html`.

An answer is never refused for its width: full-width digits and half-width kana are converted, and the confirmation shows the
result. Names and addresses are taken as they stand.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

import jaconv

from kit.civic.dates import parse_day
from kit.errors import Invalid

Kind = Literal["text", "area", "kana", "day", "digits", "count", "select", "radio", "check", "many", "hidden"]
Form = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Field:
    """One question. `label` and `hint` are Japanese; `options` are pairs of value and Japanese label."""

    name: str
    label: str
    kind: Kind = "text"
    hint: str = ""
    required: bool = True
    options: Sequence[tuple[str, str]] = ()
    longest: int = 200
    #: heading that begins with this field
    section: str = ""


@dataclass
class Filled:
    """A form as it was filled in: raw texts for showing again, values for acting, errors by field name."""

    fields: Sequence[Field]
    raw: dict[str, list[str]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        return (self.raw.get(name) or [""])[0]

    def converted(self, name: str) -> bool:
        """Whether the value is written otherwise than it was typed."""
        value = self.values.get(name)
        return isinstance(value, str) and value != self.text(name)


def blank(fields: Sequence[Field], **values: object) -> Filled:
    """An empty form, or one that begins with `values`."""
    return Filled(fields, {name: [str(value)] for name, value in values.items() if value is not None})


def read(fields: Sequence[Field], form: Form) -> Filled:
    """The form with a value or an error for every field; an optional field left empty is None."""
    filled = Filled(fields, {each.name: list(form.get(each.name, ())) for each in fields})
    for each in fields:
        try:
            filled.values[each.name] = _value(each, filled.raw[each.name])
        except Invalid as wrong:
            filled.errors[each.name] = wrong.detail
    return filled


def prefixed(fields: Iterable[Field], prefix: str) -> list[Field]:
    """The same questions about one of several: their names begin with `prefix`."""
    return [replace(each, name=f"{prefix}{each.name}") for each in fields]


def _value(asked: Field, raw: list[str]) -> Any:
    texts = [each.strip() for each in raw if each.strip()]
    if asked.kind == "check":
        return bool(texts)
    if asked.required and not texts:
        raise Invalid("選択してください。" if asked.options else "入力してください。")
    if asked.options:
        known = {value for value, _ in asked.options}
        if not set(texts) <= known:
            raise Invalid("一覧から選んでください。")
    if asked.kind == "many":
        return texts
    if not texts:
        return None
    if len(texts[0]) > asked.longest:
        raise Invalid("長すぎます。")
    return _read(asked.kind, texts[0])


def _read(kind: Kind, text: str) -> str | int | date:
    match kind:
        case "day":
            return parse_day(text)
        case "digits":
            return check_digits(unicodedata.normalize("NFKC", text).replace("-", "").replace("−", "").replace("ー", ""))
        case "count":
            return int(check_digits(unicodedata.normalize("NFKC", text)))
        case "kana":
            return str(jaconv.hira2kata(jaconv.h2z(text)))
        case _:
            return text


def check_digits(text: str) -> str:
    """The text itself when it consists of digits."""
    plain = "".join(text.split())
    if not plain.isascii() or not plain.isdigit():
        raise Invalid("数字で入力してください。")
    return plain
