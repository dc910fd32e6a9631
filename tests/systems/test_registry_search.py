"""Search that clerks trust: everybody who fits is found, nobody else; numbers by their own role; names as they are."""

import dataclasses
import random
import sys
import unicodedata
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute
from pydantic import ValidationError

from dr import replay
from infra.targets.services import Postgres
from kit import journal
from kit.civic import names
from kit.db import Tx, connect
from kit.errors import Invalid
from kit.migrate import migrate
from systems.__main__ import page_routers
from systems.resident_registry.model.people import Household, Place, Resident
from systems.resident_registry.model.search import Criteria
from systems.resident_registry.routes import routers
from systems.resident_registry.service import search as service
from systems.resident_registry.store import history, people
from systems.resident_registry.store import search as store
from tests.kit.test_names import ACCEPTED, GROUPS, kinds
from tests.support.desk import Desk, desk
from tests.support.journaled import SIGNER, TENANT, Journaled, journaled
from tests.support.registry import MIGRATIONS, PLACE, TODAY, USUAL, move_in, person

#: what a clerk may take for the same, character by character: the oracle knows no keys
SAME = {c: set(group) for group in GROUPS for c in group}
SMALL = dict(zip("ァィゥェォッャュョヮ", "アイウエオツヤユヨワ", strict=True))
SURNAMES = (
    "斎藤 渡辺 山崎 高橋 大塚 島田 浜田 沢田 桜井 広瀬 国分 真野 吉田 富田 峰岸 柳沢 桑原 佐藤 千葉 三浦 遠藤 辺見 斉木 関 館"
).split()
GIVEN = "恵子 徳次 竜一 万里 弥生 礼子 朗 寿 栄治 正広 文恵 桃子 真一 恒夫 隆 亜希 与一 実 豊 静香 太郎 花".split()
READINGS = "サイトウ ワタナベ ジョウジ キョウコ シュンイチ ヴァイス ガッツ ハットリ カツマタ ミヤギ ゴトウ".split()


@pytest.fixture(scope="module")
def stocked(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Resident]]:
    """1,500 residents whose names and readings are written in every way that there is."""
    url = journaled(postgres, tmp_path_factory.mktemp("segments")).superuser
    migrate(url, "resident_registry", MIGRATIONS)
    rng = random.Random(7)
    with connect(url) as tx:
        moment = history.moment(tx)
        times = {"valid_from": TODAY, "known_from": moment, "movement_id": None, "version": 1}
        houses = [Household(uuid4(), str(n), **dataclasses.asdict(lot(n)), **times) for n in range(500)]
        people.copy_households(tx, houses)
        made = [resident(rng, houses[n % 500], n) for n in range(1500)]
        people.copy_residents(tx, made)
    return url, made


def lot(n: int) -> Place:
    return dataclasses.replace(
        PLACE, address=f"宮城県牡鹿郡女川町女川1番地{n % 60}" if n % 7 else f"宮城県牡鹿郡女川町鷲神浜{n}番"
    )


def written(rng: random.Random, text: str) -> str:
    """The text in one of the ways it is written: variants, selectors, a space."""
    out = []
    for c in text:
        one = rng.choice(sorted(SAME.get(c, {c}))) if rng.random() < 0.5 else c
        selector = chr(rng.choice([0xE0100, 0xE0101, 0xFE00])) if rng.random() < 0.1 and one not in "\u3000 " else ""
        out.append(one + selector)
    return "".join(out)


def resident(rng: random.Random, house: Household, n: int) -> Resident:
    name = written(rng, f"{rng.choice(SURNAMES)}{rng.choice(['', ' ', chr(0x3000)])}{rng.choice(GIVEN)}")
    former = written(rng, rng.choice(SURNAMES)) if rng.random() < 0.1 else None
    return Resident(
        id=uuid4(),
        household_id=house.id,
        atena_no=f"{n:015d}",
        state="current",
        name=name,
        kana=f"{rng.choice(READINGS)} {rng.choice(READINGS)}",
        former_surname=former,
        former_surname_kana="キュウセイ" if former else None,
        sex="female",
        born_on=date(1950 + n % 60, 1 + n % 12, 1 + n % 28),
        relation="世帯主" if n < 500 else "同居人",
        became_resident_on=TODAY,
        address_since=None,
        filed_on=TODAY,
        previous_address=None,
        registered_domicile=None,
        family_register_head=None,
        resident_code=f"{n:011d}",
        valid_from=TODAY,
        known_from=house.known_from,
        version=1,
        household_no="1",
        postal_code=house.postal_code,
        address=house.address,
    )


def plain(text: str) -> list[str]:
    """The characters that are seen, without spaces and selectors."""
    return [c for c in text if not c.isspace() and not 0xFE00 <= ord(c) <= 0xFE0F and not 0xE0100 <= ord(c) <= 0xE01EF]


def holds(name: str, query: str) -> bool:
    """Brute force: the query stands in the name, each character equal or a variant of it."""
    text, asked = plain(name), plain(query)
    return any(
        all(a == b or b in SAME.get(a, ()) for a, b in zip(text[at:], asked, strict=False))
        for at in range(len(text) - len(asked) + 1)
    )


def fits(one: Resident, query: str) -> bool:
    return holds(one.name, query) or (one.former_surname is not None and holds(one.former_surname, query))


def found(tx: Tx, criteria: Criteria) -> set[str]:
    return {each.atena_no for each in store.search(tx, criteria, TODAY, 10**6)}


def queries(made: list[Resident], count: int) -> Iterator[str]:
    rng = random.Random(11)
    for _ in range(count):
        text = plain(rng.choice(made).name)
        if len(text) >= 2:
            at = rng.randrange(len(text) - 1)
            yield written(rng, "".join(text[at : at + rng.choice([2, 2, 3])]))


@pytest.mark.proves("R2")
def test_two_kanji_find_everybody_who_fits_and_nobody_else(stocked: tuple[str, list[Resident]]) -> None:
    url, made = stocked
    asked = list(queries(made, 250))
    hits = 0
    with connect(url) as tx:
        for query in asked:
            expected = {m.atena_no for m in made if fits(m, query)}
            assert found(tx, Criteria(name=query)) == expected, ascii(query)
            hits += len(expected)
    assert hits > 10 * len(asked)


def test_mutant_a_group_of_variants_that_is_missing_is_found(
    stocked: tuple[str, list[Resident]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, made = stocked
    monkeypatch.setattr(names, "table", lambda: {n: to for n, to in TABLE.items() if chr(n) not in "齋齊斎"})
    with connect(url) as tx:
        expected = {m.atena_no for m in made if fits(m, "齋藤")}
        assert found(tx, Criteria(name="齋藤")) < expected


TABLE = dict(names.table())


def read_as(kana: str) -> str:
    """A reading without what clerks write in different ways, by rules of its own."""
    wide = "".join(SMALL.get(c, c) for c in kana if not c.isspace())
    return wide.replace("ヴア", "バ")


@pytest.mark.proves("R2")
def test_readings_find_everybody_however_they_are_typed(stocked: tuple[str, list[Resident]]) -> None:
    url, made = stocked
    with connect(url) as tx:
        for one in random.Random(3).sample(made, 25):
            start = one.kana[: random.Random(one.atena_no).randint(2, len(one.kana))]
            expected = {m.atena_no for m in made if read_as(m.kana).startswith(read_as(start))}
            hiragana = "".join(chr(ord(c) - 0x60) if "ァ" <= c <= "ヴ" else c for c in start)
            half = unicodedata.normalize("NFKC", start)
            for typed in (start, hiragana, half, start.replace(" ", ""), start.replace(" ", "\u3000")):
                assert found(tx, Criteria(kana=typed)) == expected, typed
        assert found(tx, Criteria(kana="きゅうせい")) == {m.atena_no for m in made if m.former_surname}


def test_what_is_known_together_narrows(stocked: tuple[str, list[Resident]]) -> None:
    url, made = stocked
    with connect(url) as tx:
        for one in random.Random(5).sample(made, 20):
            name = "".join(plain(one.name)[:2])
            expected = {m.atena_no for m in made if holds(m.name, name) and m.born_on == one.born_on}
            expected |= {
                m.atena_no for m in made if m.former_surname and holds(m.former_surname, name) and m.born_on == one.born_on
            }
            assert found(tx, Criteria(name=name, born_on=one.born_on, address="女川町")) == expected
            assert found(tx, Criteria(atena_no=one.atena_no)) == {one.atena_no}
        rng = random.Random(8)
        for text in ["番地", "１番地５", "地1", *(m.address for m in rng.sample(made, 40))]:
            start = rng.randrange(max(1, len(text) - 4))
            asked = unicodedata.normalize("NFKC", text[start:])
            assert found(tx, Criteria(address=text[start:])) == {m.atena_no for m in made if asked in m.address}, asked
        assert found(tx, Criteria(address="川町川女")) == set()  # its pairs are there, the whole is not
    with pytest.raises(Invalid), connect(url) as tx:
        service.search(tx, Criteria(atena_no="１"))


def test_the_keys_of_the_migration_are_those_of_the_program(stocked: tuple[str, list[Resident]]) -> None:
    rng = random.Random(2)
    singles = [c for c in map(chr, range(1, sys.maxunicode)) if unicodedata.category(c) not in ("Cn", "Cs", "Co")]
    pool = [*"".join(GROUPS), *map(chr, range(0x3041, 0x30FF)), *"ｱﾞﾟー々 \u3000Ａz9'", "\U000e0100"]
    texts = singles + ["".join(rng.choices(pool, k=8)) for _ in range(3000)]
    with connect(stocked[0]) as tx:
        rows = tx.rows(
            "SELECT resident_registry.fold(t) AS key FROM unnest(%s::text[]) WITH ORDINALITY AS u(t, n) ORDER BY n", (texts,)
        )
        different = [ascii(t) for t, row in zip(texts, rows, strict=True) if names.fold(t) != row["key"]]
        assert different == []
        for words in (texts[at : at + 3] for at in range(len(texts) - 600, len(texts), 3)):
            folds = [names.fold(w) for w in words if names.fold(w)]
            pairs = list(dict.fromkeys(p for w in words for p in names.bigrams(w)))
            assert tx.value("SELECT resident_registry.bigrams(%s)", (" ".join(folds),)) == pairs


# ── numbers ──


@pytest.fixture(scope="module")
def counter(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    url = journaled(postgres, tmp_path_factory.mktemp("numbers")).superuser
    migrate(url, "resident_registry", MIGRATIONS)
    with connect(url, actor="clerk") as tx:
        move_in(tx, person(individual_number="379474484458", resident_code="24727059608"), person("架空 花", "妻"))
    with desk(url) as found:
        yield found


def entries(counter: Desk) -> list[dict[str, object]]:
    with counter.database.transaction("auditor") as tx:
        return tx.rows("SELECT * FROM journal.entry WHERE kind = 'access' ORDER BY id")


@pytest.mark.proves("JP-1")
def test_a_number_is_looked_for_by_its_role_with_an_entry_of_its_own(counter: Desk) -> None:
    body = {"kind": "individual_number", "number": "379474484458"}
    assert counter.ask("clerk", "POST", "/residents/search-by-number", json=body).status_code == 403
    before = len(entries(counter))
    hit = counter.done("number-officer", "POST", "/residents/search-by-number", json=body)["residents"][0]
    told = entries(counter)[before:]
    assert [(t["key"], t["detail"]) for t in told] == [
        ({"id": hit["id"]}, {"act": "search_by_number", "kind": "individual_number"})
    ]
    code = {"kind": "resident_code", "number": "24727059608"}
    assert counter.done("number-officer", "POST", "/residents/search-by-number", json=code)["residents"] == [hit]
    nobody = {"kind": "individual_number", "number": "123456789018"}
    assert counter.done("number-officer", "POST", "/residents/search-by-number", json=nobody) == {"residents": []}
    for number in ("379474484459", "３７９４７４４８４４５８", "37947448445", "000000000000"):
        answer = counter.ask("number-officer", "POST", "/residents/search-by-number", json=body | {"number": number})
        assert answer.status_code == 422
        assert number not in answer.text
    for part in ("37947448", "%", "3794_4484458"):  # never by a part of it
        answer = counter.ask("number-officer", "POST", "/residents/search-by-number", json=body | {"number": part})
        assert answer.status_code == 422


@pytest.mark.proves("JP-1")
def test_a_number_is_shown_to_its_role_alone_and_stands_in_no_entry(counter: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    hit = counter.done("clerk", "POST", "/residents/search", json={"name": "太朗"})["residents"][0]
    path = f"/residents/{hit['id']}/individual-number"
    for who in ("clerk", "supervisor", "dv-officer"):
        assert counter.ask(who, "GET", path).status_code == 403
    before = len(entries(counter))
    assert counter.done("number-officer", "GET", path) == {"individual_number": "379474484458"}
    told = entries(counter)[before:]
    assert [(t["table"], t["key"]) for t in told] == [("resident_registry.individual_number", {"id": hit["id"]})]
    wife = counter.done("clerk", "POST", "/residents/search", json={"name": "架空"})["residents"][0]
    assert counter.ask("number-officer", "GET", f"/residents/{wife['id']}/individual-number").status_code == 404
    with counter.database.transaction("auditor") as tx:
        everything = "".join(row["told"] for row in tx.rows("SELECT e::text AS told FROM journal.entry e"))
    assert "379474484458" not in everything
    assert "379474484458" not in capsys.readouterr().out
    assert hit["id"] in everything  # mutant: an empty journal carries no number either


def test_the_purpose_comes_first(counter: Desk) -> None:
    assert counter.ask("number-officer", "GET", f"/residents/{uuid4()}/individual-number", purpose="x").status_code == 428
    assert counter.ask("clerk", "POST", "/residents/search", json={"name": "太朗"}, purpose="x").status_code == 428


#: what addresses may ask besides ids: days, words of a list, pages of it; never what names a person
IN_ADDRESSES = {
    "after", "as_of", "authority", "csrf", "day", "days", "format", "known", "known_at", "limit", "month", "next", "published",
    "resident", "state", "version", "year",
}  # fmt: skip


def asked_by(dependant: Any) -> set[str]:
    """What a route and whatever it depends on take from an address behind the question mark."""
    return {each.alias for each in dependant.query_params}.union(*map(asked_by, dependant.dependencies))


def test_nobody_is_sought_by_an_address_and_no_log_says_who_was(counter: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Of machines and of browsers. Mutant: the search as GET with `name`, as it was; seen failing."""
    every = [*routers, *page_routers(counter.app.state.settings)]
    routes = [route for router in every for route in router.routes if isinstance(route, APIRoute)]
    asked = {name for route in routes for name in asked_by(route.dependant)}
    assert "after" in asked
    assert asked <= IN_ADDRESSES
    assert counter.ask("clerk", "GET", "/residents", params={"name": "太朗"}).status_code in (404, 405)
    found = counter.done("clerk", "POST", "/residents/search", json={"name": "太朗", "born_on": "1950-01-02"})["residents"]
    assert len(found) == 1
    assert entries(counter)[-1]["detail"] == {"act": "search"}
    told = capsys.readouterr().out
    assert "/residents/search" in told
    assert "太朗" not in told
    assert "1950" not in told


# ── names ──


@pytest.fixture(scope="module")
def named(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> tuple[Journaled, dict[str, str], int]:
    """A register that was given the 2,000 names: what it holds by id, and how many it refused."""
    j = journaled(postgres, tmp_path_factory.mktemp("names"))
    migrate(j.superuser, "resident_registry", MIGRATIONS)
    taken, refused = {}, 0
    with connect(j.superuser, actor="clerk") as tx:
        for kind, texts in kinds().items():
            for text in texts:
                try:
                    one = move_in(tx, person(text), confirmed=(*USUAL, "not-printable"))[0]
                except (Invalid, ValidationError):  # the form itself refuses some
                    assert kind not in ACCEPTED
                    refused += 1
                else:
                    taken[str(one.id)] = text
    return j, taken, refused


def stored(url: str) -> dict[str, bytes]:
    with connect(url) as tx:
        rows = tx.rows("SELECT id::text, convert_to(name, 'UTF8') AS name FROM resident_registry.resident")
        return {row["id"]: row["name"] for row in rows}


@pytest.mark.proves("API-3")
def test_names_lie_byte_for_byte_as_they_came_or_were_refused(named: tuple[Journaled, dict[str, str], int]) -> None:
    j, taken, refused = named
    assert len(taken) + refused >= 2000
    assert refused > 500
    assert stored(j.superuser) == {number: text.encode() for number, text in taken.items()}


@pytest.mark.proves("API-3")
def test_names_are_the_same_after_replay(
    postgres: Postgres, named: tuple[Journaled, dict[str, str], int], tmp_path: Path
) -> None:
    j, taken, _ = named
    journal.seal(j.superuser, j.segments, tenant=TENANT, signer=SIGNER)
    numbers = sorted(int(file.name[:6]) for file in j.segments.glob("*.zst"))
    again = journaled(postgres, tmp_path).superuser
    migrate(again, "resident_registry", MIGRATIONS)
    with connect(again) as tx:
        replay.apply(tx, replay.entries(j.segments, numbers))
    assert stored(again) == {number: text.encode() for number, text in taken.items()}
    with connect(j.superuser) as before, connect(again) as after:  # the keys came along
        for text in random.Random(1).sample(sorted(t for t in taken.values() if len(names.fold(t)) > 1), 20):
            assert found(after, Criteria(name=text)) == found(before, Criteria(name=text)) != set()
