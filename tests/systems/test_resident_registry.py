"""The register's procedures, on a real database."""

import io
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pypdf import PdfReader

from kit import journal
from kit.db import Tx, connect
from kit.errors import CallerError, Conflict, Invalid, NotFound, Stale
from systems.resident_registry.jobs import imports
from systems.resident_registry.model.certificates import Request
from systems.resident_registry.model.people import Place
from systems.resident_registry.model.search import Criteria
from systems.resident_registry.rules import movements as rules
from systems.resident_registry.service import certificates, people, search
from systems.resident_registry.service import movements as service
from systems.resident_registry.store import people as store
from tenants import synthetic_residents
from tenants.catalog import tenant
from tests.support.registry import NAME, OFFICE, ONAGAWA, TODAY, die, household_of, move_in, person


def accesses(tx: Tx) -> int:
    found: int = tx.value("SELECT count(*) FROM journal.entry WHERE kind = 'access'")
    return found


def test_a_name_is_stored_as_it_is(tx: Tx) -> None:
    one = move_in(tx, person(individual_number="379474484458", resident_code="24727059608"))[0]
    assert one.name == NAME
    assert [len(one.name), len(people.find(tx, one.id).name)] == [len(NAME)] * 2
    with pytest.raises(Invalid) as wrong:
        move_in(tx, person(individual_number="507957100722"))
    assert "507957100722" not in wrong.value.detail


def test_numbers_lie_encrypted_and_only_once(tx: Tx) -> None:
    move_in(tx, person(individual_number="379474484458"))
    dump = "".join(str(row) for row in tx.rows("SELECT i::text AS row FROM resident_registry.individual_number i"))
    assert "379474484458" not in dump
    assert "379474484458" not in "".join(str(row) for row in tx.rows("SELECT row FROM journal.entry"))
    with pytest.raises(CallerError), connect_again(tx):
        move_in(tx, person(individual_number="379474484458"))


class connect_again:
    """A savepoint whose database error is ours."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    def __enter__(self) -> None:
        self.tx.execute("SAVEPOINT s")

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        from kit.db import translated

        self.tx.execute("ROLLBACK TO s")
        if error:
            with translated():
                raise error


def test_late_filing_is_accepted_and_marked() -> None:
    assert not rules.is_late(date(2026, 12, 18), date(2027, 1, 4), 14)
    assert rules.is_late(date(2026, 12, 18), date(2027, 1, 5), 14)
    with pytest.raises(Invalid):
        rules.check_days(event_on=TODAY, filed_on=TODAY - timedelta(days=1), today=TODAY)
    with pytest.raises(Invalid):
        rules.check_days(event_on=TODAY, filed_on=TODAY + timedelta(days=1), today=TODAY)


def test_exactly_one_head(tx: Tx) -> None:
    with pytest.raises(Conflict):
        move_in(tx, person(), person())
    with pytest.raises(Conflict):
        move_in(tx, person(relation="子"))


def test_search_by_two_kanji_kana_birth_and_address(tx: Tx) -> None:
    one = move_in(tx)[0]
    for criteria in (
        Criteria(name="䶒藤"),
        Criteria(name="藤太朗"),
        Criteria(kana="ごとう"),
        Criteria(born_on=date(1950, 1, 2)),
        Criteria(address="女川1番"),
        Criteria(name="太朗", kana="ゴト", address="牡鹿郡"),
    ):
        assert [hit.id for hit in search.search(tx, criteria)] == [one.id], criteria
    assert accesses(tx) == 6
    assert search.search(tx, Criteria(kana="%タロウ")) == []
    for bad in (Criteria(), Criteria(name="藤"), Criteria(kana=" ")):
        with pytest.raises(Invalid):
            search.search(tx, bad)


def test_a_search_that_finds_more_than_fifty_is_refused_and_shows_nobody(tx: Tx) -> None:
    for _ in range(51):
        move_in(tx)
    with pytest.raises(Invalid, match="narrow"):
        search.search(tx, Criteria(name="太朗"))
    assert accesses(tx) == 0


def test_household_form_of_five_has_two_sheets_and_nothing_that_was_not_asked_for(tx: Tx) -> None:
    members = household_of(tx, 5)
    issued = certificates.issue_certificate(tx, OFFICE, members[0].id, Request("self", form="household"), is_supervisor=False)
    pdf = PdfReader(io.BytesIO(certificates.certificate_pdf(tx, issued.serial)))
    texts = [page.extract_text() for page in pdf.pages]
    assert len(texts) == 2
    assert [text.count("生年月日") for text in texts] == [4, 1]
    everything = "".join(texts)
    for word in ("本籍", "筆頭者", "続柄", members[0].resident_code):
        assert word not in everything
    assert "昭和25年1月2日" in everything
    assert issued.fee_yen == 300
    assert accesses(tx) == 10


def test_the_same_certificate_has_the_same_bytes_and_the_serial_counts_on(tx: Tx) -> None:
    one = move_in(tx)[0]
    issued = [
        certificates.issue_certificate(tx, OFFICE, one.id, Request("self", copies=2), is_supervisor=False) for _ in range(2)
    ]
    year = TODAY.year
    assert [each.serial for each in issued] == [f"045811-{year}-000001", f"045811-{year}-000002"]
    assert issued[0].fee_yen == 600
    assert certificates.certificate_pdf(tx, issued[0].serial) == certificates.certificate_pdf(tx, issued[0].serial)
    tx.execute("UPDATE resident_registry.certificate SET content = jsonb_set(content, '{address}', '\"別の住所\"')")
    with pytest.raises(Conflict):  # mutant: content that was altered does not pass for what was issued
        certificates.certificate_pdf(tx, issued[0].serial)


def test_when_the_head_dies_the_others_need_a_head(tx: Tx) -> None:
    head, spouse, child = move_in(tx, person(), person("䶒藤 花", "妻"), person("䶒藤 子", "子", born_on=date(1980, 1, 1)))
    with pytest.raises(Conflict, match="2 more"):
        die(tx, head)
    tx.execute("ROLLBACK")
    tx.execute("BEGIN")
    head, spouse, child = move_in(tx, person(), person("䶒藤 花", "妻"), person("䶒藤 子", "子", born_on=date(1980, 1, 1)))
    die(tx, head, {spouse.id: "世帯主", child.id: "子"})
    assert [(m.name, m.relation) for m in store.members(tx, head.household_id, TODAY)] == [
        ("䶒藤 花", "世帯主"),
        ("䶒藤 子", "子"),
    ]
    die(tx, store.resident(tx, spouse.id, TODAY))
    assert store.resident(tx, child.id, TODAY).relation == "世帯主"  # a sole survivor is head by itself
    with pytest.raises(Conflict):
        certificates.issue_certificate(tx, OFFICE, head.id, Request("self"), is_supervisor=False)


def test_a_stale_version_loses(tx: Tx) -> None:
    one = move_in(tx)[0]
    with pytest.raises(Stale):
        die(tx, one, version=7)


def test_birth_move_within_and_move_out(tx: Tx) -> None:
    head, child = household_of(tx, 2)
    newborn = person("䶒藤 新", "子", born_on=TODAY)
    filed = service.register_birth(tx, OFFICE, newborn, head.household_id, event_on=TODAY, filed_on=TODAY, filer="head")
    born = store.resident(tx, filed.residents[0], TODAY)
    assert (born.became_resident_on, born.address_since, born.household_id) == (TODAY, None, head.household_id)
    service.register_move_within(
        tx,
        head.household_id,
        head.version,
        place=Place("9862262", "新しい住所", ONAGAWA),
        event_on=TODAY,
        filed_on=TODAY,
        filer="head",
    )
    assert store.resident(tx, child.id, TODAY).address == "新しい住所"
    head, child, born = (store.resident(tx, each.id, TODAY) for each in (head, child, born))
    leaving = [(each.id, each.version) for each in (head, child, born)]
    service.register_move_out(tx, leaving, destination="仙台市", event_on=TODAY, filed_on=TODAY, filer="self", relations={})
    assert {store.resident(tx, each.id, TODAY).state for each in (head, child, born)} == {"moved_out"}
    assert search.search(tx, Criteria(name="太朗")) == []
    with pytest.raises(NotFound):
        store.resident(tx, uuid4(), TODAY)


def test_the_synthetic_file_is_the_same_every_time(tmp_path: Path) -> None:
    body = tenant("045811")
    for name in ("a", "b"):
        synthetic_residents.write(body, 500, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    lines = [json.loads(line) for line in (tmp_path / "a").read_text().splitlines()]
    assert sum(len(line["members"]) for line in lines) == 500
    assert all(line["address"].startswith("宮城県牡鹿郡女川町") for line in lines)
    for line in lines:
        assert [m["relation"] for m in line["members"]].count("世帯主") == 1


def test_an_import_with_a_bad_line_names_it_and_leaves_nothing(register: str, tmp_path: Path) -> None:
    body = tenant("045811")
    file = tmp_path / "residents.jsonl"
    synthetic_residents.write(body, 50, file)
    lines = file.read_text().splitlines()
    spoiled = json.loads(lines[3])
    spoiled["members"][0]["individual_number"] = "123456789012"
    lines[3] = json.dumps(spoiled)
    file.write_text("\n".join(lines))
    with pytest.raises(Invalid, match="line 4") as wrong, connect(register) as tx:
        imports.import_file(tx, OFFICE, file)
    assert "123456789012" not in wrong.value.detail
    with connect(register) as tx:
        assert store.count(tx) == 0


def test_every_table_of_the_register_is_watched(register: str) -> None:
    with connect(register) as tx:
        assert journal.unwatched(tx) == []
