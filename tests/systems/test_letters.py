"""Letters the office mails itself: what stands on them, whose address does not, and that they leave once."""

import dataclasses
import io
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pypdf import PdfReader

from kit.civic.dates import wareki
from kit.clock import now
from kit.db import Tx
from kit.errors import NotFound
from systems.resident_registry.model.measures import Opponent
from systems.resident_registry.model.movements import Movement
from systems.resident_registry.model.people import Resident
from systems.resident_registry.service import certificates, letters, support_cases, third_party_notices
from systems.resident_registry.service.statistics import statistic
from systems.resident_registry.store import movements, notices
from tests.support.registry import OFFICE, TODAY, asked, move_in, moved, named, person, undone

CLERK = frozenset({"registry_clerk"})
DV_OFFICER = CLERK | {"dv_officer"}


def told(tx: Tx) -> tuple[Resident, UUID]:
    """A registered person about whom a third party was given a certificate, and the letter that follows."""
    one = move_in(tx, person("䶒藤\u3000通知"))[0]
    third_party_notices.register(tx, OFFICE, one.id, TODAY)
    request = asked("third_party", name="知りたい 人", address="宮城県架空市秘密9番地", copies=2)
    certificates.issue_certificate(tx, OFFICE, one.id, request, is_supervisor=False)
    return one, next(each.id for each, _ in letters.waiting(tx, CLERK) if each.kind == "third_party_issue")


def text(tx: Tx, number: UUID, roles: frozenset[str] = CLERK) -> str:
    sheets = PdfReader(io.BytesIO(letters.letter_pdf(tx, OFFICE, number, roles))).pages
    assert len(sheets) == 1
    return sheets[0].extract_text()


def test_the_person_is_told_what_and_never_to_whom(tx: Tx) -> None:
    one, number = told(tx)
    page = text(tx, number)
    for word in (one.name, one.address, "住民票の写し", "2通", "第三者", wareki(TODAY), "女川町長", "記"):
        assert word in page, word
    assert page.rsplit("見本", 1)[0].rstrip().endswith("以上")  # what begins with 記 ends so; mutant: the template without it
    assert "知りたい" not in page
    assert "秘密9番地" not in page


def test_a_protected_persons_address_is_for_the_role_that_may_see_it(tx: Tx) -> None:
    """Mutant: `_about` without `masked`: the clerk's letter has the address; seen failing."""
    one, number = told(tx)
    support_cases.apply(tx, one.id, "A", Opponent("架空 相手"), together=[], scope=["residence"], applied_on=TODAY)
    assert one.address not in text(tx, number)
    assert "担当が記入" in text(tx, number)
    assert one.address in text(tx, number, DV_OFFICER)
    assert [about.address for _, about in letters.waiting(tx, CLERK) if about and about.id == one.id] == [""]


def test_many_letters_are_listed_with_as_many_questions_as_one(tx: Tx, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: each resident read by a question of its own; seen failing."""
    asked_: list[str] = []

    def counted(real: Any) -> Any:
        def ask(self: Tx, sql: str, *params: Any, **more: Any) -> Any:
            asked_.append(sql)
            return real(self, sql, *params, **more)

        return ask

    for name in ("row", "rows", "value", "execute"):
        monkeypatch.setattr(Tx, name, counted(getattr(Tx, name)))

    def questions() -> int:
        asked_.clear()
        found = letters.waiting(tx, CLERK)
        assert all(person and person.id == each.resident_id for each, person in found)
        return len(asked_)

    for n in range(7):
        move_in(tx, person(f"䶒藤\u3000遅延{n}"), event_on=TODAY - timedelta(days=60))
        if n == 0:
            one = questions()
    assert questions() == one


def test_the_court_is_told_of_a_late_filing(tx: Tx) -> None:
    one = move_in(tx, person("䶒藤\u3000遅延"), event_on=TODAY - timedelta(days=60))[0]
    number = next(each.id for each, _ in letters.waiting(tx, CLERK) if each.kind == "late_filing")
    page = text(tx, number)
    for word in ("簡易裁判所 御中", "転入", one.name, wareki(TODAY - timedelta(days=60)), "裁判所が決定"):
        assert word in page, word


def test_a_town_names_its_own_court(tx: Tx) -> None:
    own = dataclasses.replace(OFFICE, parameters={"summary_court": {date(2026, 4, 1): "石巻簡易裁判所"}})
    one = move_in(tx, person("䶒藤\u3000管轄"), event_on=TODAY - timedelta(days=60), office=own)[0]
    assert one.movement_id
    told = [each.addressee for each in notices.of_movement(tx, one.movement_id) if each.kind == "late_filing"]
    assert told == ["石巻簡易裁判所"]  # mutant: the constant


def test_a_letter_leaves_once_and_keeps_its_day(tx: Tx) -> None:
    _, number = told(tx)
    letters.mark_sent(tx, [number])
    sql = "SELECT state, sent_at FROM resident_registry.notice WHERE id = %s"
    first = tx.rows(sql, (number,))
    letters.mark_sent(tx, [number])
    assert tx.rows(sql, (number,)) == first
    assert first[0]["state"] == "sent"
    assert number not in [each.id for each, _ in letters.waiting(tx, CLERK)]
    assert wareki(TODAY) in text(tx, number)  # printed again as it left


def state(tx: Tx, one: Movement) -> tuple[str, int]:
    now = movements.movement(tx, one.id)
    return now.state, now.version


def test_a_movement_is_completed_when_its_last_letter_has_left(tx: Tx) -> None:
    """Mutant: `mark_sent` without `note_told`: 決裁済み(通知前) for ever; seen failing."""
    long_ago = TODAY - timedelta(days=60)
    head, wife = move_in(tx, person(), person("䶒藤\u3000妻", "妻", sex="female"), event_on=long_ago, filed_on=long_ago)
    details = {"household_id": head.household_id, "new_head": named(wife)[0]}
    late = moved(tx, "head_change", details, event_on=TODAY - timedelta(days=30))
    assert late.state == "decided"
    [letter] = notices.of_movement(tx, late.id)
    letters.mark_sent(tx, [letter.id])
    assert state(tx, late) == ("completed", late.version + 1)
    letters.mark_sent(tx, [letter.id])
    assert state(tx, late) == ("completed", late.version + 1)


def test_a_movement_that_others_must_acknowledge_is_notified_first(tx: Tx) -> None:
    """Mutants: drafts that wait not asked for, letters taken for what is acknowledged; seen failing."""
    one = move_in(tx, event_on=TODAY - timedelta(days=60))[0]
    late = movements.movements(tx, state="decided", resident=one.id, after="", limit=1)[0]
    drafts = notices.of_movement(tx, late.id)
    letter = next(each for each in drafts if each.kind == "late_filing")
    letters.mark_sent(tx, [letter.id])
    assert state(tx, late) == ("decided", late.version)  # what the hub is to send has not left
    for each in drafts:
        notices.mark_sent(tx, each.id, now())
    letters.mark_sent(tx, [letter.id])
    assert state(tx, late) == ("notified", late.version + 1)
    assert statistic(tx, "movements", office=OFFICE, is_published=False).rows[0][5] == 1
    tx.execute("UPDATE resident_registry.notice SET state = 'acknowledged' WHERE kind <> 'late_filing'")
    letters.mark_sent(tx, [letter.id])
    assert state(tx, late) == ("completed", late.version + 2)


def test_a_notified_movement_can_be_reversed(tx: Tx) -> None:
    one = move_in(tx, event_on=TODAY - timedelta(days=60))[0]
    late = movements.movements(tx, state="decided", resident=one.id, after="", limit=1)[0]
    for each in notices.of_movement(tx, late.id):
        notices.mark_sent(tx, each.id, now())
    movements.note_told(tx, late.id, ["late_filing"])
    undone(tx, movements.movement(tx, late.id))
    assert state(tx, late)[0] == "cancelled"


def test_a_court_that_was_told_hears_that_the_movement_is_undone(tx: Tx) -> None:
    """Mutant: the letter about the reversal itself and not about what it undoes: 異動取消 as the kind of filing; seen failing."""
    one = move_in(tx, person("䶒藤\u3000取消"), event_on=TODAY - timedelta(days=60))[0]
    late = movements.movements(tx, state="decided", resident=one.id, after="", limit=1)[0]
    letters.mark_sent(tx, [each.id for each in notices.of_movement(tx, late.id) if each.kind == "late_filing"])
    undone(tx, movements.movement(tx, late.id))
    [letter] = [each.id for each, _ in letters.waiting(tx, CLERK) if each.kind == "late_filing_withdrawal"]
    page = text(tx, letter)
    for word in ("届出期間経過通知書の取消し", "簡易裁判所", "転入", late.number, one.name, wareki(TODAY - timedelta(days=60))):
        assert word in page, word
    assert "異動取消" not in page


def test_looks_are_recorded_and_what_is_no_letter_is_not_there(tx: Tx) -> None:
    number = told(tx)[1]
    count = "SELECT count(*) FROM journal.entry WHERE kind = 'access' AND detail ->> 'act' IN ('letters', 'letter')"
    before = tx.value(count)
    letters.waiting(tx, CLERK)
    text(tx, number)
    assert tx.value(count) == before + 2
    other = tx.value("SELECT id FROM resident_registry.notice WHERE kind NOT IN ('third_party_issue', 'late_filing') LIMIT 1")
    for none in (uuid4(), other):
        with pytest.raises(NotFound):
            letters.letter_pdf(tx, OFFICE, none, CLERK)
        with pytest.raises(NotFound):
            letters.mark_sent(tx, [none])
