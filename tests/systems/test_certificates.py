"""Certificates on a real database: every kind, who may have what, and what stands on the page and in the file."""

import hashlib
import io
import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from infra.targets.services import Postgres
from kit.civic.dates import wareki
from kit.clock import today
from kit.db import Tx, connect, json
from kit.errors import Conflict, Forbidden, NotFound, Unprintable
from kit.migrate import migrate
from systems.resident_registry.model.certificates import Certificate, Disposed, Request
from systems.resident_registry.model.errors import (
    ItemNotPrintable,
    MailedToPerson,
    NotAsIssued,
    RemovedAndPresent,
    RequestIncomplete,
    StillKept,
)
from systems.resident_registry.model.movements import Change
from systems.resident_registry.model.people import Place, Resident
from systems.resident_registry.rules.retention import disposable_from
from systems.resident_registry.service import certificates as service
from systems.resident_registry.service import numbers, retention, third_party_notices
from systems.resident_registry.store import people as store
from tests.support.journaled import journaled
from tests.support.registry import (
    MIGRATIONS,
    NAME,
    OFFICE,
    ONAGAWA,
    TODAY,
    USUAL,
    asked,
    bear,
    die,
    household_of,
    move_in,
    move_out,
    move_within,
    person,
)

NUMBER, CODE = "379474484458", "24727059608"
FOREIGN: dict[str, Any] = {
    "kind": "foreign",
    "name": "GONZALEZ RODRIGUEZ MARIA FERNANDA DE LA CRUZ",
    "kana": "ゴンザレス ロドリゲス マリア フェルナンダ デ ラ クルス",
    "born_on": date(1988, 3, 12),
    "alias": "山田 マリア",
    "alias_kana": "ヤマダ マリア",
    "nationality": "ブラジル",
    "residence_status": "永住者",
    "residence_period": "無期限",
    "residence_until": date(2031, 5, 6),
    "residence_card_no": "AB12345678CD",
    "foreign_class": "中長期在留者",
}


def issue(tx: Tx, one: Resident, request: Request, **roles: bool) -> Certificate:
    return service.issue_certificate(tx, OFFICE, one.id, request, **{"is_supervisor": False} | roles)


def pages(tx: Tx, issued: Certificate) -> list[str]:
    mailing = issued.delivery == "deliver_by_mail_to_person"
    return texts(service.certificate_pdf(tx, OFFICE, issued.serial, mailing=mailing))


def texts(pdf: bytes) -> list[str]:
    """Text of each page, lines joined: long values are set in several."""
    return [re.sub(r" *\n", "", page.extract_text()) for page in PdfReader(io.BytesIO(pdf)).pages]


def text(tx: Tx, issued: Certificate) -> str:
    return "".join(pages(tx, issued))


def numbered(tx: Tx) -> Resident:
    return move_in(tx, person(individual_number=NUMBER, resident_code=CODE, registered_domicile="宮城県架空郡架空町1番地"))[0]


def entries(tx: Tx, table: str) -> list[dict[str, Any]]:
    return tx.rows("SELECT * FROM journal.entry WHERE kind = 'access' AND \"table\" = %s ORDER BY id", (table,))


@pytest.mark.parametrize(("size", "sheets"), [(1, [1]), (4, [4]), (5, [4, 1]), (9, [4, 4, 1])])
def test_four_persons_a_sheet_and_joined_sheets(tx: Tx, size: int, sheets: list[int]) -> None:
    people = household_of(tx, size)
    found = pages(tx, issue(tx, people[0], asked(form="household")))
    assert [page.count("生年月日") for page in found] == sheets
    joined = len(sheets) > 1
    assert all(("契印" in page) == joined for page in found)
    assert [f"{n} / {len(sheets)}" in page for n, page in enumerate(found, 1)] == [True] * len(sheets)
    closing = "世帯全員の住民票の原本と相違ないことを証明する"
    assert [closing in page for page in found] == [False] * (len(sheets) - 1) + [True]
    assert all(page.count(people[0].address) == 1 for page in found)
    everything = "".join(found)
    for word in ("本籍", "筆頭者", "続柄", "世帯主", "個人番号", "住民票コード", people[0].resident_code):
        assert word not in everything.replace(" ", ""), word
    assert "昭和25年1月2日" in everything


def test_part_of_a_household_says_so(tx: Tx) -> None:
    people = household_of(tx, 3)
    some = asked(form="household", members=(people[0].id, people[2].id))
    found = text(tx, issue(tx, people[0], some))
    assert "世帯の一部の住民票の原本" in found
    assert people[1].name not in found
    for wrong in ((people[1].id,), (people[0].id, move_in(tx)[0].id)):
        with pytest.raises(NotFound):
            issue(tx, people[0], asked(form="household", members=wrong))


def test_the_name_comes_out_code_point_by_code_point(tx: Tx) -> None:
    one = move_in(tx)[0]
    pdf = service.certificate_pdf(tx, OFFICE, issue(tx, one, asked()).serial)
    assert NAME in texts(pdf)[0]
    assert [hex(ord(c)) for c in NAME] == [hex(n) for n in (0x4D92, 0x85E4, 0xE0103, 0x20, 0x592A, 0x6717, 0xE0105)]


def test_a_variant_that_no_font_has_is_told_and_a_missing_character_is_an_error(tx: Tx) -> None:
    one = move_in(tx, person("渡邉\U000e0101 架空"))[0]
    found = text(tx, issue(tx, one, asked()))
    assert "基本の字形で印字しています: U+9089 U+E0101" in found
    assert "渡邉\U000e0101 架空" in found
    other = move_in(tx, person("\U00030edd 架空"), confirmed=(*USUAL, "not-printable"))[0]  # 𰻝, in no font here
    with pytest.raises(Unprintable, match=r"U\+30EDD"):
        issue(tx, other, asked())


def test_a_copy_is_pdf_a_with_embedded_fonts_and_tells_nothing_in_its_metadata(tx: Tx) -> None:
    one = numbered(tx)
    issued = issue(tx, one, asked(with_individual_number=True, with_resident_code=True), is_number_officer=True)
    pdf = service.certificate_pdf(tx, OFFICE, issued.serial)
    reader = PdfReader(io.BytesIO(pdf))
    metadata = reader.xmp_metadata
    assert metadata is not None
    raw = metadata.stream.get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part>" in raw
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in raw
    assert "/MarkInfo" in reader.trailer["/Root"]
    assert "/OutputIntents" in reader.trailer["/Root"]
    told = raw + str(dict(reader.metadata or {}))
    assert issued.serial in told
    for secret in (
        one.name,
        one.kana,
        one.address,
        NUMBER,
        CODE,
        issued.content["code"],
        issued.content["code"].replace("-", ""),
    ):
        assert secret not in told
    fonts = [f.get_object() for page in reader.pages for f in page["/Resources"]["/Font"].values()]
    assert fonts
    for font in fonts:
        assert font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object().get("/FontFile2") is not None


def test_the_same_paper_has_the_same_bytes_and_other_content_is_refused(tx: Tx) -> None:
    one = numbered(tx)
    issued = [issue(tx, one, asked(copies=2, with_individual_number=True), is_number_officer=True) for _ in range(2)]
    assert [each.serial for each in issued] == [f"{ONAGAWA}-{TODAY.year}-{n:06d}" for n in (1, 2)]
    assert issued[0].fee_yen == 600
    again = [service.certificate_pdf(tx, OFFICE, issued[0].serial) for _ in range(2)]
    assert again[0] == again[1]
    store.change(tx, one, Change(None, TODAY, store.history.moment(tx)), name="変わった 名前")
    assert service.certificate_pdf(tx, OFFICE, issued[0].serial) == again[0]  # R6: as of the issue, whatever happened since
    tx.execute("UPDATE resident_registry.certificate SET content = jsonb_set(content, '{issuer_name}', '\"別人\"')")
    with pytest.raises(NotAsIssued):  # mutant: content that was altered does not pass for what was issued
        service.certificate_pdf(tx, OFFICE, issued[0].serial)


def test_mutant_a_number_sealed_for_another_paper_does_not_open(tx: Tx) -> None:
    one = numbered(tx)
    issued = issue(tx, one, asked(with_individual_number=True), is_number_officer=True)
    for changed in (
        issued.content | {"serial": "045811-2026-999999"},
        replace(OFFICE, data_key=b"9" * 32),
    ):
        office = changed if not isinstance(changed, dict) else OFFICE
        with pytest.raises(NotAsIssued):
            numbers.reveal(office, changed if isinstance(changed, dict) else issued.content)


def test_an_individual_number_is_shown_by_its_role_only_and_lies_sealed(tx: Tx) -> None:
    one = numbered(tx)
    with pytest.raises(Forbidden, match="number_officer"):
        issue(tx, one, asked(with_individual_number=True))
    assert entries(tx, numbers.TABLE) == []
    issue(tx, one, asked())
    assert entries(tx, numbers.TABLE) == []  # not asked for: not opened
    issued = issue(tx, one, asked(with_individual_number=True), is_number_officer=True)
    assert [(e["key"]["id"], e["detail"]["serial"]) for e in entries(tx, numbers.TABLE)] == [(str(one.id), issued.serial)]
    assert NUMBER in text(tx, issued)
    assert len(entries(tx, numbers.TABLE)) == 2  # made again: opened again, recorded again
    stored = tx.value("SELECT string_agg(c::text, '') FROM resident_registry.certificate c")
    journaled = tx.value("SELECT string_agg(coalesce(row::text, '') || coalesce(detail::text, ''), '') FROM journal.entry")
    assert NUMBER not in stored + journaled
    assert CODE in journaled  # mutant: the resident code, which the register keeps readable, is found the same way


def test_a_representative_with_numbers_is_served_by_mail(tx: Tx) -> None:
    one = numbered(tx)
    by_mail = [
        issue(tx, one, asked("representative", with_individual_number=True), is_number_officer=True),
        issue(tx, one, asked("representative", with_resident_code=True)),
    ]
    for issued in by_mail:
        assert issued.delivery == "deliver_by_mail_to_person"
        with pytest.raises(MailedToPerson):
            service.certificate_pdf(tx, OFFICE, issued.serial)
        assert service.certificate_pdf(tx, OFFICE, issued.serial, mailing=True).startswith(b"%PDF")
        assert entries(tx, "resident_registry.resident")[-1]["detail"]["act"] == "certificate_mailing"
    plain = issue(tx, one, asked("representative", with_head_and_relation=True))
    assert plain.delivery == "counter"
    with pytest.raises(MailedToPerson):
        service.certificate_pdf(tx, OFFICE, plain.serial, mailing=True)


INCOMPLETE: list[tuple[Request, list[str]]] = [
    (Request("self"), ["name", "address", "documents"]),
    (asked(name=None), ["name"]),
    (asked(address=""), ["address"]),
    (asked(documents=("pension_certificate",)), ["documents"]),
    (asked(documents=("pension_certificate", "pension_certificate")), ["documents"]),
    (asked(documents=("a card of the club",)), ["documents"]),
    (asked("third_party", ground=None), ["ground"]),
    (asked("listed_profession", ground=""), ["ground"]),
    (asked("public_body", ground=None), ["ground"]),
    (asked("representative", documents=("passport",)), ["mandate"]),
    (asked("representative", documents=("mandate",)), ["documents"]),
]


@pytest.mark.parametrize(("request_", "missing"), INCOMPLETE)
def test_a_request_says_who_asks_and_why(tx: Tx, request_: Request, missing: list[str]) -> None:
    with pytest.raises(RequestIncomplete) as told:
        issue(tx, move_in(tx)[0], request_)
    assert told.value.extra["missing"] == missing


def test_two_documents_without_a_photograph_serve(tx: Tx) -> None:
    issued = issue(tx, move_in(tx)[0], asked(documents=("pension_certificate", "bank_book")))
    kept = tx.value("SELECT asked FROM resident_registry.certificate WHERE serial = %s", (issued.serial,))
    assert (kept["name"], kept["documents"]) == ("架空 請求者", ["pension_certificate", "bank_book"])
    assert "架空 請求者" not in text(tx, issued)  # who asked is kept, not printed


def test_a_removed_record_stands_alone(tx: Tx) -> None:
    head, child = household_of(tx, 2)
    move_out(tx, child, "宮城県仙台市青葉区本町三丁目8番1号")
    with pytest.raises(RemovedAndPresent):
        issue(tx, child, asked())
    with pytest.raises(RemovedAndPresent):
        issue(tx, head, asked(kind="removed_copy"))
    with pytest.raises(Conflict, match="個人票のみ"):
        issue(tx, child, asked(kind="removed_copy", form="household"))
    with pytest.raises(RequestIncomplete):
        issue(tx, child, asked("household_member", name=head.name, kind="removed_copy"))
    with pytest.raises(Conflict, match="広域交付"):
        issue(tx, child, asked("other_municipality", kind="removed_copy"))
    found = text(tx, issue(tx, child, asked(kind="removed_copy", with_head_and_relation=True)))
    for word in ("除 票", "除票の原本と相違ない", "転出", "仙台市青葉区本町三丁目", head.name):
        assert word.replace(" ", "") in found.replace(" ", ""), word
    rest = text(tx, issue(tx, head, asked(form="household")))
    assert child.name not in rest  # nobody who is removed stands on the household's copy


def test_a_dead_persons_numbers_are_never_printed(tx: Tx) -> None:
    one = numbered(tx)
    die(tx, one)
    for items in ({"with_individual_number": True}, {"with_resident_code": True}):
        with pytest.raises(ItemNotPrintable):
            issue(tx, one, asked(kind="removed_copy", **items), is_number_officer=True)
    found = text(tx, issue(tx, one, asked(kind="removed_copy")))
    assert "死亡" in found
    assert NUMBER not in found
    assert CODE not in found
    assert entries(tx, numbers.TABLE) == []


def test_of_somebody_who_moved_away_the_numbers_may_be_asked_for(tx: Tx) -> None:
    one = numbered(tx)
    move_out(tx, one, "仙台市")
    wanted = asked(kind="removed_copy", with_individual_number=True, with_resident_code=True)
    found = text(tx, issue(tx, one, wanted, is_number_officer=True))
    assert NUMBER in found
    assert CODE in found


@pytest.mark.parametrize("form", ["individual", "household"])
def test_certificate_of_recorded_items_in_both_forms(tx: Tx, form: Any) -> None:
    people = household_of(tx, 2)
    issued = issue(tx, people[0], asked(kind="items", form=form))
    found = text(tx, issued)
    assert "住民票記載事項証明書" in found.replace(" ", "")
    assert "住民票に上記の事項が記載されていることを証明する" in found
    assert "写しは" not in found
    assert issued.content["kind"] == "住民票記載事項証明書"


def test_disposal_is_certified_only_after_the_period(tx: Tx) -> None:
    subject = Disposed("架空 花子", date(1940, 5, 6), "宮城県牡鹿郡女川町女川1番地1", date(2014, 6, 19))
    found = text(tx, service.issue_disposal_certificate(tx, OFFICE, subject, asked(kind="disposed")))
    for word in ("除票の廃棄済証明書", "架空 花子", "昭和15年5月6日", "平成26年6月19日", "令和元年6月20日"):
        assert word.replace(" ", "") in found.replace(" ", ""), word
    with pytest.raises(StillKept, match="令和146年6月21日"):
        kept = replace(subject, removed_on=date(2014, 6, 20))
        service.issue_disposal_certificate(tx, OFFICE, kept, asked(kind="disposed"))
    one = move_in(tx, person("架空 残", born_on=date(1950, 1, 1)), event_on=date(2014, 1, 1))[0]
    move_out(tx, one, "x", date(2014, 6, 1))
    with pytest.raises(StillKept, match="保存されています"):
        there = Disposed("架空 残", date(1950, 1, 1), "x", date(2014, 6, 1))
        service.issue_disposal_certificate(tx, OFFICE, there, asked(kind="disposed"))


def test_a_disposal_on_record_stands_on_the_certificate(tx: Tx) -> None:
    """Mutant: the certificate does not ask `retention.certify_disposed`, so the day of the disposal is missing."""
    one = move_in(tx, person("架空 廃", born_on=date(1950, 1, 1)), event_on=date(2014, 1, 1))[0]
    move_out(tx, one, "x", date(2014, 6, 1))
    tx.execute("UPDATE resident_registry.resident SET removed_on = '2014-06-01' WHERE id = %s", (one.id,))
    proposed = retention.propose(tx, OFFICE, "removed_records", [one.id], "保存期間満了")
    tx.actor = "supervisor"
    retention.approve(tx, proposed.id)
    retention.dispose(tx, OFFICE, proposed.id)
    gone = Disposed(one.name, one.born_on, "宮城県牡鹿郡女川町女川1番地1", date(2014, 6, 1))
    found = text(tx, service.issue_disposal_certificate(tx, OFFICE, gone, asked(kind="disposed"))).replace(" ", "")
    assert f"廃棄年月日{wareki(today())}" in found
    assert "住所は請求者の申立て" in found
    move_in(tx, person("架空 廃", born_on=date(1950, 1, 1)))  # back in town: what was disposed of stays certified
    assert service.issue_disposal_certificate(tx, OFFICE, gone, asked(kind="disposed")).serial


def test_how_long_a_removed_record_is_kept() -> None:
    assert disposable_from(date(2020, 3, 31), 150) == date(2170, 4, 1)
    assert disposable_from(date(2014, 6, 19), 5) == date(2019, 6, 20)
    assert disposable_from(date(2012, 2, 29), 5) == date(2017, 3, 1)


def test_the_individual_form_tells_the_history_of_what_is_printed(tx: Tx) -> None:
    since = TODAY - timedelta(days=20)
    head, child = move_in(tx, person(), person("架空 子", "子", born_on=date(1990, 1, 1)), event_on=since, filed_on=since)
    moved = TODAY - timedelta(days=5)
    move_within(tx, head, Place("9862262", "宮城県牡鹿郡女川町鷲神浜2番地", ONAGAWA), moved)
    found = text(tx, issue(tx, child, asked(with_history=True)))
    for word in ("異動の履歴", "転入", "転居", f"異動前の住所: {head.address}", "個人票(履歴あり)"):
        assert word.replace(" ", "") in found.replace(" ", ""), word
    assert "続柄" not in found
    die(tx, store.resident(tx, head.id, TODAY))
    now = store.resident(tx, child.id, TODAY)
    assert "変更前の続柄" not in text(tx, issue(tx, now, asked(with_history=True)))
    assert "変更前の続柄: 子" in text(tx, issue(tx, now, asked(with_history=True, with_head_and_relation=True)))
    assert "異動の履歴" not in text(tx, issue(tx, now, asked()))


def test_foreign_residents_alias_western_birth_and_items_on_request(tx: Tx) -> None:
    one = move_in(tx, person(**FOREIGN))[0]
    plain = text(tx, issue(tx, one, asked()))
    for word in (FOREIGN["name"][:20], "山田 マリア", "1988年3月12日", "外国人住民となった"):
        assert word in plain, word
    for word in ("ブラジル", "永住者", "AB12345678CD", "本 籍", "昭和63年"):
        assert word not in plain, word
    full = text(tx, issue(tx, one, asked(with_foreign_items=True)))
    for word in ("ブラジル", "永住者", "2031年5月6日", "AB12345678CD", "中長期在留者"):
        assert word in full, word
    wide = text(tx, issue(tx, one, asked("other_municipality")))
    assert "山田 マリア" not in wide


def test_days_unknown_first_years_and_who_never_moved(tx: Tx) -> None:
    one = move_in(tx, person(born_unknown="昭和年月日不詳"), event_on=date(2019, 5, 1), filed_on=date(2019, 5, 2))[0]
    found = text(tx, issue(tx, one, asked()))
    assert "昭和年月日不詳" in found
    assert "昭和25年1月2日" not in found
    assert "令和元年5月1日" in found
    assert "異動前住所" not in found  # who never moved inside has none
    child = bear(tx, one.household_id, person("架空 子", "子", born_on=TODAY))
    assert "＊＊＊" in text(tx, issue(tx, child, asked()))


def test_long_names_and_addresses_come_out_whole(tx: Tx) -> None:
    long = "寿限無五劫擦切海砂利水魚水行末雲来末風来末食寝処住処藪小路藪柑子"
    place = Place(
        "9862261",
        "宮城県牡鹿郡女川町女川浜字大原一丁目二番地三号" + "架空コーポラス女川海の見える丘弐番館" * 2 + "1203号室",
        ONAGAWA,
    )
    one = move_in(tx, person(long), place=place, previous="東京都" + "千代田区架空町" * 12)[0]
    found = text(tx, issue(tx, one, asked())).replace(" ", "")
    for word in (long, place.address, "東京都" + "千代田区架空町" * 12):
        assert word in found


def test_official_use_is_marked_and_free(tx: Tx) -> None:
    issued = issue(tx, move_in(tx)[0], asked("public_body"))
    assert issued.fee_yen == 0
    assert "公用" in text(tx, issued)
    assert "公用" not in text(tx, issue(tx, move_in(tx)[0], asked()))


def test_a_municipalitys_own_fee_and_issuer_go_first(tx: Tx) -> None:
    own = {"certificate_fee_yen": {date(2020, 4, 1): 350}, "certificate_issuer_name": {date(2020, 4, 1): "架空 町長"}}
    office = replace(OFFICE, parameters=own)
    issued = service.issue_certificate(tx, office, move_in(tx)[0].id, asked(copies=2), is_supervisor=False)
    assert issued.fee_yen == 700
    assert "架空 町長" in text(tx, issued)


def test_the_days_account_sums_copies_and_fees(tx: Tx) -> None:
    one, other = move_in(tx)[0], move_in(tx)[0]
    for request in (asked(copies=3), asked(), asked("public_body", copies=2), asked("third_party", kind="items")):
        issue(tx, one, request)
    lines = {
        (line.kind, line.requester): (line.certificates, line.copies, line.fee_yen) for line in service.day_account(tx, TODAY)
    }
    assert lines == {
        ("copy", "self"): (2, 4, 1200),
        ("copy", "public_body"): (1, 2, 0),
        ("items", "third_party"): (1, 1, 300),
    }
    assert service.day_account(tx, TODAY - timedelta(days=1)) == []
    page = texts(service.day_account_pdf(tx, OFFICE, TODAY))[0]
    for word in ("証明発行日計・手数料日計", "女川町", "合 計4 7 1,500", "第三者1 1 300", wareki(TODAY)):
        assert word.replace(" ", "") in page.replace(" ", ""), word
    assert "架空 請求者" not in page
    assert other.id


def test_in_sendai_the_head_of_the_ward_issues(tx: Tx) -> None:
    place = Place("9800014", "宮城県仙台市青葉区本町三丁目8番1号", "041017")
    sendai = replace(OFFICE, tenant="041009", tenant_name="仙台市")
    one = move_in(tx, place=place, office=sendai)[0]
    issued = service.issue_certificate(tx, sendai, one.id, asked(), is_supervisor=False)
    assert "宮城県仙台市青葉区長" in texts(service.certificate_pdf(tx, sendai, issued.serial))[0]


def test_a_planned_departure_is_not_on_the_copy_before_its_day(tx: Tx) -> None:
    one = move_in(tx)[0]
    plan = "state = 'leaving', out_planned_on = '2999-01-01', out_planned_to = '遠い町'"
    tx.execute(f"UPDATE resident_registry.resident SET {plan}")
    found = text(tx, issue(tx, one, asked(with_history=True, with_head_and_relation=True)))
    assert "遠い町" not in found
    assert "転出先" not in found


def test_what_was_issued_with_the_first_edition_is_made_again_with_it(tx: Tx) -> None:
    one = move_in(tx)[0]
    issued = issue(tx, one, asked())
    person_ = {
        "name": one.name,
        "kana": one.kana,
        "born_on": "昭和25年1月2日",
        "sex": "男",
        "became_resident_on": "令和元年5月1日",
    }
    person_ |= {"address_since": "", "filed_on": "令和元年5月1日", "previous_address": "東京都"}
    first = {
        "template": "certificate_1",
        "form": "individual",
        "serial": issued.serial,
        "tenant": ONAGAWA,
        "tenant_name": "女川町",
    }
    first |= {"issued_on": "令和8年11月25日", "address": one.address, "postal_code": one.postal_code, "head": None, "sheet": 1}
    first |= {"people": [person_]}
    sha256 = hashlib.sha256(service.render_certificate(first)).hexdigest()
    change = "UPDATE resident_registry.certificate SET content = %s, pdf_sha256 = %s"
    tx.execute(change, (json(first), sha256))
    assert "この写しは、住民票の原本と相違ないことを証明する" in text(tx, issued)


def notices(tx: Tx) -> list[dict[str, Any]]:
    """Drafts that certificates gave rise to, not those of the movements before."""
    return tx.rows(
        "SELECT kind, resident_id, content, state FROM resident_registry.notice WHERE movement_id IS NULL ORDER BY drafted_at, id"
    )


def test_a_registered_person_is_told_that_never_who(tx: Tx) -> None:
    head, other = household_of(tx, 2)
    made = third_party_notices.register(tx, OFFICE, head.id, TODAY)
    assert made.ends_on == made.registered_on.replace(year=made.registered_on.year + 3)
    for requester in ("self", "household_member", "public_body", "other_municipality"):
        issue(tx, head, asked(requester, name=other.name))
    issue(tx, other, asked("third_party"))  # not registered
    assert notices(tx) == []
    issue(tx, head, asked("third_party", form="household", copies=2, name="知りたい 人"))
    issue(tx, head, asked("representative"))
    told = notices(tx)
    assert [(each["kind"], each["resident_id"], each["state"]) for each in told] == [("third_party_issue", head.id, "draft")] * 2
    assert sorted(each["content"]["requester_class"] for each in told) == ["代理人", "第三者"]
    assert set(told[0]["content"]) == {"issued_on", "kind", "copies", "requester_class"}
    assert "知りたい" not in str(told)


def test_a_registration_ends_with_its_period_or_by_wish(tx: Tx) -> None:
    one = move_in(tx)[0]
    third_party_notices.register(tx, OFFICE, one.id, TODAY - timedelta(days=3 * 366))
    issue(tx, one, asked("third_party"))
    assert notices(tx) == []  # the period has passed
    third_party_notices.register(tx, OFFICE, one.id, TODAY)
    with pytest.raises(Conflict):
        third_party_notices.register(tx, OFFICE, one.id, TODAY)
    third_party_notices.end(tx, one.id)
    issue(tx, one, asked("third_party"))
    assert notices(tx) == []
    with pytest.raises(NotFound):
        third_party_notices.end(tx, one.id)
    forever = replace(OFFICE, parameters={"third_party_notice_years": {date(2020, 1, 1): 0}})
    assert third_party_notices.register(tx, forever, one.id, TODAY).ends_on is None


def test_the_board_outside_tells_nothing_of_a_person(tx: Tx) -> None:
    one = move_in(tx)[0]
    issued = issue(tx, one, asked())
    row = tx.row("SELECT * FROM certificate_check.issued")
    assert row is not None
    assert set(row) == {"code_sha256", "kind", "issued_on", "pdf_sha256"}
    assert (row["kind"], row["issued_on"], row["pdf_sha256"]) == ("住民票の写し", TODAY, issued.pdf_sha256)
    assert issued.content["code"].replace("-", "").encode() not in bytes(row["code_sha256"])


def test_serials_count_on_from_the_first_edition(postgres: Postgres, tmp_path: Path) -> None:
    url = journaled(postgres, tmp_path / "segments").superuser
    before = tmp_path / "migrations"
    before.mkdir()
    for name in ("0001_register.sql", "0002_movements_and_history.sql"):
        (before / name).write_text((MIGRATIONS / name).read_text())
    migrate(url, "resident_registry", before)
    with connect(url) as tx:
        for number in (7, 41):
            tx.execute(
                "INSERT INTO resident_registry.certificate VALUES (%s, 'individual', 'self', '{}', '{}', 1, 300, %s, 'x')",
                (f"{ONAGAWA}-{TODAY.year}-{number:06d}", TODAY),
            )
    migrate(url, "resident_registry", MIGRATIONS)
    with connect(url, actor="clerk") as tx:
        assert issue(tx, move_in(tx)[0], asked()).serial == f"{ONAGAWA}-{TODAY.year}-000042"
        kept = tx.row("SELECT kind, delivery, asked FROM resident_registry.certificate WHERE serial LIKE '%%000041'")
        assert kept == {"kind": "copy", "delivery": "counter", "asked": {}}
