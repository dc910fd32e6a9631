"""Rows of an import made ready for the database: checked, sealed, and written as lines that COPY takes."""

import hashlib
import hmac
import json
import secrets
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kit.civic.names import fold_all, pairs
from kit.civic.repertoire import code_point
from systems.resident_registry.model.imports import LAYOUT, PLACE_ITEMS, Wrong
from systems.resident_registry.model.people import Office
from systems.resident_registry.rules import import_items
from systems.resident_registry.rules import imports as rules
from systems.resident_registry.rules.people import relation_codes
from systems.resident_registry.store import imports as store
from systems.resident_registry.store import people


@dataclass
class Lines:
    """What checking some rows gave: lines for COPY, faults with the household of their row, private-use characters."""

    rows: int
    lines: bytes
    wrong: list[tuple[Wrong, str | None]]
    characters: list[tuple[int, str, str]]


class Checker:
    """Checks rows of one file and makes the lines that COPY takes. One for each process: it holds the keys ready."""

    def __init__(self, office: Office, check: UUID, heading: Sequence[str | None], known: Mapping[str, str]) -> None:
        self._rows = rules.Rows(heading, known, office.tenant)
        self._heading = heading
        self._periods = import_items.periods(heading)
        self._check = str(check)
        self._tenant = office.tenant.encode()
        self._cipher = AESGCM(office.data_key)
        self._blind_key = office.blind_index_key

    def check(self, first_row: int, rows: Iterator[list[str]]) -> Lines:
        """Check rows that follow each other; empty ones are passed over."""
        found = Lines(0, b"", [], [])
        sound: list[tuple[int, list[str | None]]] = []
        for number, cells in enumerate(rows, first_row):
            if not any(cells):
                continue
            found.rows += 1
            values, wrong = self._rows.check(number, cells)
            if wrong:
                household = values[_AT["household_no"]]
                found.wrong += [(each, household) for each in wrong]
                if any(each.rule == "gaiji" for each in wrong):
                    named = rules.unidentified(self._heading, cells)
                    found.characters += [(number, name, code_point(c)) for name, c in named]
            else:
                sound.append((number, values))
        texts = {text for _, values in sound for text in _folded(values) if text}
        fold = fold_all(texts).__getitem__
        found.lines = "".join([self._line(number, values, fold) for number, values in sound]).encode()
        return found

    def _line(self, number: int, values: list[str | None], fold: Callable[[str], str]) -> str:
        household_no, atena_no, relation, individual, removed = map(values.__getitem__, _NEEDED)
        identity = values[_ID] = values[_ID] or self._derived(b"resident", atena_no or "")
        values[_HOUSEHOLD] = values[_HOUSEHOLD] or self._derived(b"household", household_no or "")
        place = _place_of(values)
        if self._periods:
            values[_QUALIFICATIONS] = import_items.qualified(values, self._periods)
        is_head = rules.is_head(values)
        removed_place = folded_address = address_key = None
        if is_head or removed:
            address_key = fold(values[_AT["address"]] or "")
            folded_address = _array(pairs(address_key))
            if removed:
                removed_place = json.dumps(dict(zip(PLACE_ITEMS, place, strict=True)), ensure_ascii=False)
        else:
            values[_PLACE_FROM:_PLACE_TO] = _NO_PLACE
        made = (
            self._check, str(number), _relation(relation or ""), removed_place, *_keys(values, fold),
            str(hash_of(place)), "t" if is_head else "f", folded_address, address_key, *self._sealed(identity, individual),
            self._derived(b"case", atena_no or "") if values[_OPPONENT] else None,
        )  # fmt: skip
        cells = _in_order((*values, *made))
        return "\t".join(["\\N" if c is None else c.replace("\\", "\\\\") if "\\" in c else c for c in cells]) + "\n"

    def _sealed(self, identity: str, number: str | None) -> tuple[str | None, str | None]:
        if not number:
            return None, None
        nonce = secrets.token_bytes(12)
        sealed = nonce + self._cipher.encrypt(nonce, number.encode(), bytes.fromhex(identity.replace("-", "")))
        return "\\x" + sealed.hex(), "\\x" + hmac.digest(self._blind_key, number.encode(), "sha256").hex()

    def _derived(self, what: bytes, number: str) -> str:
        return hashlib.blake2b(number.encode(), digest_size=16, key=self._tenant, person=what).hexdigest()


_AT = {column.item: place for place, column in enumerate(LAYOUT)}
_NEEDED = [_AT[n] for n in ("household_no", "atena_no", "relation", "individual_number", "removed_on")]
_ID, _HOUSEHOLD = _AT["id"], _AT["household_id"]
_PLACE_FROM, _PLACE_TO = _AT[PLACE_ITEMS[0]], _AT[PLACE_ITEMS[-1]] + 1
_OPPONENT = _AT["opponent_name"]
_QUALIFICATIONS = _AT["qualifications"]
_names = itemgetter(*(_AT[item] for item in people.NAMED))
_folded = itemgetter(*(_AT[item] for item in (*people.NAMED, "address")))
_place_of = itemgetter(*(_AT[name] for name in PLACE_ITEMS))
_NO_PLACE = [None] * (_PLACE_TO - _PLACE_FROM)
#: what is made from a row, behind its values
_MADE = (
    "check_id", "row_no", "relation_codes", "removed_place", "name_bigrams", "name_key", "kana_key", "other_kana_key",
    "place_hash", "is_head", "address_bigrams", "address_key", "sealed", "blind_index", "case_id",
)  # fmt: skip
_PLACES = _AT | {name: place for place, name in enumerate(_MADE, len(LAYOUT))}
_in_order = itemgetter(*(_PLACES[column] for column in store.ROW_COLUMNS))


def _keys(values: list[str | None], fold: Callable[[str], str]) -> tuple[str | None, ...]:
    keys = people.keys_of(dict(zip(people.NAMED, _names(values), strict=True)), fold)
    return _array(keys["name_bigrams"]), keys["name_key"], keys["kana_key"], keys["other_kana_key"]


@cache
def _relation(relation: str) -> str:
    return _array(relation_codes(relation))


def hash_of(place: tuple[str | None, ...]) -> int:
    """Thirty-two bits that tell the places of one household apart."""
    return zlib.crc32("\0".join([part or "" for part in place]).encode())


def _array(texts: Sequence[str]) -> str:
    joined = '","'.join(texts)
    if "\\" in joined or joined.count('"') != 2 * max(len(texts) - 1, 0):
        joined = '","'.join(text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return f'{{"{joined}"}}' if texts else "{}"
