"""Cases that an official can read (tests/cases/resident_registry/*.yaml), run on a real database.

Each case begins with an empty register. `前提` are steps that must succeed, `操作` is the step in question, `結果` its outcome.
"""

import io
import sys
import zipfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from pydantic import ValidationError
from pypdf import PdfReader

from kit.db import Tx
from kit.errors import CallerError, Invalid
from systems.resident_registry.jobs import night
from systems.resident_registry.model.exports import Contents
from systems.resident_registry.model.filings import Filing, Ground
from systems.resident_registry.model.measures import Opponent
from systems.resident_registry.model.movements import REASONS, Movement
from systems.resident_registry.model.people import Office, Resident
from systems.resident_registry.model.retention import CLASSES
from systems.resident_registry.model.search import Criteria
from systems.resident_registry.rules.measures import masked
from systems.resident_registry.service import asof, certificates, exports, retention, search, support_cases
from systems.resident_registry.service import movements as service
from systems.resident_registry.store import history
from systems.resident_registry.store import movements as movement_store
from systems.resident_registry.store import notices as notice_store
from systems.resident_registry.store import numbers as number_store
from systems.resident_registry.store import people as store
from tests.support.registry import CLERK, SUPERVISOR, USUAL, asked

FOLDER = Path(__file__).parents[1] / "cases" / "resident_registry"
REASON = {name: reason for reason, name in REASONS.items()} | {
    "氏の変更": "name_change",
    "通称": "alias",
    "旧氏": "former_surname",
}
STATES = {"現存": "current", "転出予定": "leaving", "転出": "moved_out", "死亡": "dead", "職権消除": "removed"}
STATES |= dict.fromkeys(("誤記載", "その他消除"), "ended")
GROUNDS = {"実態調査": "fact_check", "通知": "notice", "裁判": "court", "申出": "application", "誤り": "error"}
FILERS = {"本人": "self", "世帯主": "head", "代理人": "representative", "職権": "office"}
CERTIFICATES = {"あり": "paper", "情報": "data", "なし": "none", "記入なし": None}
TENANTS = {"女川町": "045811", "仙台市": "041009", "大崎市": "042153"}
RECORDS: dict[str, Any] = {each.label: name for name, each in CLASSES.items() if each.years}
PLACES = {
    "女川町": {"postal_code": "9862261", "address": "宮城県牡鹿郡女川町女川1番地1"},
    "仙台市": {"postal_code": "9800014", "address": "宮城県仙台市青葉区本町1番地1"},
}
SOUGHT = {
    "氏名": "name", "フリガナ": "kana", "生年月日": "born_on", "住所": "address", "宛名番号": "atena_no", "除票も": "removed",
}  # fmt: skip


def printed(pdf: bytes) -> str:
    """The text of a certificate, without the spaces of its layout."""
    return "".join("".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


def cases() -> list[Any]:
    found = []
    for file in sorted(FOLDER.glob("*.yaml")):
        for case in yaml.safe_load(file.read_text()):
            marks = [pytest.mark.proves(*case["証明"])] if "証明" in case else []
            found.append(pytest.param(case, id=f"{file.stem}: {case['事例']}", marks=marks))
    return found


class Town:
    """The register of a case: people by name, movements in their order, the day it is."""

    def __init__(self, tx: Tx, case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        name = case.get("市町村", "女川町")
        self.tx, self.name, self.patch = tx, name, monkeypatch
        self.office = Office(TENANTS[name], name, b"1" * 32, b"2" * 32)
        self.movements: list[Movement] = []
        self.moments: list[Any] = []
        self.names: dict[str, UUID] = {}
        self.hits: list[Resident] = []
        self.papers: list[tuple[str, bytes]] = []
        self.told = ""
        self.day = date(2026, 6, 1)
        self.it_is(self.date(case.get("今日", self.day)))

    def it_is(self, day: date) -> None:
        self.day = day
        for name, module in list(sys.modules.items()):
            if name.startswith(("systems.resident_registry", "kit.clock")) and hasattr(module, "today"):
                self.patch.setattr(module, "today", lambda: self.day)

    def date(self, text: Any) -> date:
        """A day, or 今日, 今日+3, 今日-10."""
        if isinstance(text, date):
            return text
        return self.day + timedelta(days=int(str(text).removeprefix("今日") or 0))

    def one(self, name: str) -> Resident:
        return store.resident(self.tx, self.names[name], self.day)

    def named(self, names: list[str], version: int | None = None) -> list[dict[str, Any]]:
        return [{"id": self.names[n], "version": version or self.one(n).version} for n in names]

    def relations(self, given: dict[str, str] | None) -> dict[UUID, str]:
        return {self.names[name]: relation for name, relation in (given or {}).items()}

    def take(self, step: dict[str, Any]) -> None:
        """One step; what was entered by name can be named afterwards."""
        if "今日" in step:
            self.it_is(self.date(step["今日"]))
        if step.get("夜間処理"):
            night.depart(self.tx, self.office)
            night.depart(self.tx, self.office)  # safe to repeat
            self.movements += [
                movement_store.movement(self.tx, each.id)
                for each in movement_store.movements(self.tx, state=None, resident=None, after="", limit=1000)
                if each.reason == "move_out_due" and each.id not in [known.id for known in self.movements]
            ]
        elif "除票の日" in step:  # as an import of old records brings it
            sql = "UPDATE resident_registry.resident SET removed_on = %s WHERE id = %s"
            self.tx.execute(sql, (self.date(step["除票の日"]), self.names[step["対象"]]))
        elif "削除" in step:
            retention.refuse_deletion(self.tx, self.office, self.names[step["削除"]])
        elif "廃棄の提案" in step:
            residents = [self.names[name] for name in step.get("対象", [])]
            self.disposal = retention.propose(self.tx, self.office, RECORDS[step["廃棄の提案"]], residents, "保存期間満了").id
        elif "廃棄の決裁" in step or "廃棄" in step:
            self.tx.actor = SUPERVISOR if step.get("廃棄の決裁", "別の職員") == "別の職員" else CLERK
            if "廃棄" in step:
                retention.dispose(self.tx, self.office, self.disposal)
            else:
                retention.approve(self.tx, self.disposal)
            self.tx.actor = CLERK
        elif "廃棄済証明" in step:
            gone = step["廃棄済証明"]
            retention.certify_disposed(self.tx, self.office, gone["氏名"], gone["生年月日"], gone["消除の日"])
        elif "大勢の転入" in step:
            for _ in range(step["大勢の転入"]):
                self.move({"異動": "転入", "人": [{"名": "架空　太郎"}], "確認": ["same-person", "resident-code-drawn"]})
        elif "検索" in step:
            given = {SOUGHT[word]: value for word, value in step["検索"].items()}
            self.hits = [masked(each, frozenset({"registry_clerk"})) for each in search.search(self.tx, Criteria(**given))]
        elif "証明書" in step:
            wanted = asked(**{"kind": "removed_copy"} if step.get("様式") == "除票" else {}, **step.get("請求", {}))
            one = certificates.issue_certificate(self.tx, self.office, self.names[step["証明書"]], wanted, is_supervisor=False)
            self.papers.append((one.serial, certificates.certificate_pdf(self.tx, self.office, one.serial)))
            self.told = printed(self.papers[-1][1])
        elif "再作成" in step:
            serial, before = self.papers[step["再作成"] - 1]
            again = certificates.certificate_pdf(self.tx, self.office, serial)
            self.same, self.told = again == before, printed(again)
        elif "データ抽出" in step:
            contents = Contents("utf-8-sig", step["データ抽出"] == "個人番号あり", False)
            office, out = self.office if step["区域"] == "内" else None, io.BytesIO()
            exports.write_pack(self.tx, out, contents, tenant=self.office.tenant, made_at=history.moment(self.tx), office=office)
            with zipfile.ZipFile(out) as pack:
                self.told = "".join(pack.read(name).decode("utf-8-sig") for name in pack.namelist())
        elif "抽出の申請" in step:
            wanted = step["抽出の申請"] == "個人番号あり"
            self.export = exports.request(self.tx, ground="移行", encoding="utf-8-sig", with_numbers=wanted).id
        elif "抽出の許可" in step:
            self.tx.actor = SUPERVISOR
            exports.decide(self.tx, self.export, release=True, with_protected=False, roles=frozenset(step["抽出の許可"]))
        elif "支援措置" in step:
            support_cases.apply(self.tx, self.names[step["支援措置"]], "A", Opponent("架空　相手"))
        elif "通知の送付" in step:  # as the hub will note that they left
            sent = "UPDATE resident_registry.notice SET state = 'sent', sent_at = now() WHERE movement_id = %s"
            self.tx.execute(sent, (self.movements[step["通知の送付"] - 1].id,))
        elif step.get("異動") == "異動取消":
            ground = Ground(kind="error", text="誤り", on=self.day)
            last = movement_store.movement(self.tx, self.movements[step.get("番号", 0) - 1].id)
            reversal = service.cancel(self.tx, self.office, last.id, last.version, ground)
            self.decide(reversal, step)
        elif "異動" in step:
            self.move(step)
        self.moments.append(history.moment(self.tx))

    def move(self, step: dict[str, Any]) -> None:
        reason = REASON[step["異動"]]
        body: dict[str, Any] = {
            "event_on": self.date(step.get("異動日", "今日")),
            "details": {"reason": reason, **DETAILS[reason](self, step)},
        }
        if "届出日" in step:
            body["filed_on"] = self.date(step["届出日"])
        if "届出人" in step:
            body |= {"filer": FILERS[step["届出人"]], "filer_name": step.get("届出人の氏名"), "documents": step.get("書類", [])}
        if "根拠" in step:
            body["ground"] = {"kind": GROUNDS[step["根拠"]], "text": "記録", "on": self.date(step.get("根拠の日付", "今日"))}
        try:
            filing = Filing.model_validate(body)
        except ValidationError:  # as the application answers it
            raise Invalid("not valid") from None
        drafted = service.draft(self.tx, self.office, filing)
        submitted = service.submit(self.tx, self.office, drafted.id, drafted.version, step.get("確認", USUAL))
        if step.get("決裁") != "待ち":
            self.decide(submitted, step)

    def decide(self, one: Movement, step: dict[str, Any]) -> None:
        by = CLERK if step.get("決裁") == "同じ職員" else SUPERVISOR
        self.tx.actor = by
        try:
            supervisor = by == SUPERVISOR or step.get("権限") == "決裁者"
            decided = service.approve(self.tx, self.office, one.id, one.version, is_supervisor=supervisor)
        finally:
            self.tx.actor = CLERK
        self.movements.append(decided)
        for number in decided.residents:
            self.names.setdefault(store.resident(self.tx, number, self.day).name, number)


def people(town: Town, step: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": each["名"],
            "kana": each.get("カナ", "カクウ"),
            "sex": {"男": "male", "女": "female"}[each.get("性別", "男")],
            "born_on": town.date(each.get("生年月日", date(1980, 1, 1))),
            "relation": each.get("続柄", "世帯主"),
            "kind": "foreign" if "国籍" in each else "japanese",
            "nationality": each.get("国籍"),
            "residence_until": town.date(each["在留期間満了"]) if "在留期間満了" in each else None,
            "individual_number": each.get("個人番号"),
            "resident_code": each.get("住民票コード"),
            "registered_domicile": each.get("本籍"),
        }
        for each in step["人"]
    ]


def place(town: Town, step: dict[str, Any]) -> dict[str, Any]:
    return PLACES[town.name] | ({"address": step["住所"]} if "住所" in step else {})


def join(town: Town, step: dict[str, Any]) -> dict[str, Any]:
    details: dict[str, Any] = {"people": people(town, step)}
    details |= {"household_id": town.one(step["世帯"]).household_id} if "世帯" in step else {"place": place(town, step)}
    if REASON[step["異動"]] in ("move_in", "move_in_abroad") or "従前住所" in step:
        previous = {"address": step.get("従前住所", "東京都千代田区"), "authority_code": step.get("従前コード")}
        details["previous"] = previous
    if step["異動"] == "国外からの転入":
        details["passport"] = step.get("旅券", True)
    if step["異動"] == "転入":
        details["certificate"] = CERTIFICATES[step.get("転出証明書", "あり")]
    if step.get("転出証明書") == "情報":
        details["out_planned_on"] = town.date(step["転出予定日"])
    return details


def birth(town: Town, step: dict[str, Any]) -> dict[str, Any]:
    parents = [town.names[name] for name in step.get("父母", [])]
    return {"household_id": town.one(step["世帯"]).household_id, "child": people(town, step)[0], "parents": parents}


def leave(town: Town, step: dict[str, Any]) -> dict[str, Any]:
    details = {"residents": town.named(step["対象"], step.get("版")), "relations": town.relations(step.get("続柄"))}
    if step["異動"].endswith("転出"):
        details["destination"] = {"address": step.get("転出先", "東京都"), "authority_code": step.get("転出先コード")}
    return details


def notice(town: Town, step: dict[str, Any]) -> dict[str, Any]:
    destination = {"address": step["転出先"]}
    received_on = town.date(step.get("受けた日", "今日"))
    return {"residents": town.named(step["対象"]), "destination": destination, "received_on": received_on}


def within(town: Town, step: dict[str, Any]) -> dict[str, Any]:
    details: dict[str, Any] = {"residents": town.named(step["対象"], step.get("版"))}
    details |= {"relations": town.relations(step.get("続柄")), "relations_left": town.relations(step.get("残る人の続柄"))}
    if "世帯" in step:
        details["household_id"] = town.one(step["世帯"]).household_id
    elif step["異動"] == "転居":
        details["place"] = place(town, step)
    return details


def head(town: Town, step: dict[str, Any]) -> dict[str, Any]:
    new = town.named([step["新世帯主"]])[0]
    household = town.one(step["新世帯主"]).household_id
    return {"household_id": household, "new_head": new, "relations": town.relations(step.get("続柄"))}


def single(*items: tuple[str, str]) -> Any:
    def details(town: Town, step: dict[str, Any]) -> dict[str, Any]:
        found = {key: step[word] for word, key in items if word in step}
        return {"resident": town.named([step["対象"]])[0]} | found

    return details


def ties(town: Town, step: dict[str, Any]) -> dict[str, Any]:
    found = {"ends_marriage": town.names[step["離婚"]]} if "離婚" in step else {}
    return found | ({"adopted_by": [town.names[name] for name in step["養親"]]} if "養親" in step else {})


def rename(town: Town, step: dict[str, Any]) -> dict[str, Any]:
    one = town.named(step["対象"])[0] | ties(town, step) | ({"relation": step["続柄"]} if "続柄" in step else {})
    return {"residents": [one | {"name": step["氏名"], "kana": step.get("カナ", "カクウ")}]}


ITEMS = {
    "氏名": "name", "生年月日": "born_on", "住民となった日": "became_resident_on", "本籍": "registered_domicile",
    "続柄": "relation", "性別": "sex", "性別の表記": "sex_text", "種別": "kind",
    "漢字の氏名": "kanji_name", "ローマ字の氏名": "roman_name", "外国人住民となった日": "foreign_since",
    "住所を定めた日": "address_since", "異動前住所": "before_move_address", "届出年月日": "filed_on",
    "生年月日の不詳の表記": "born_unknown", "個別事項": "qualifications", "地区": "districts", "規定区分": "foreign_class",
    "消除の届出年月日": "removed_filed_on", "住民票コード": "resident_code",
    "転入前コード": "previous_authority", "住所": "address", "方書": "building",
}  # fmt: skip
KINDS = {"日本人": "japanese", "外国人": "foreign", "男": "male", "女": "female"}


def correct(town: Town, step: dict[str, Any]) -> dict[str, Any]:
    given = step.get("項目", {})
    items = {ITEMS[word]: KINDS.get(value, value) if isinstance(value, str) else value for word, value in given.items()}
    details = {"resident": town.named([step["対象"]])[0], "items": items} | ties(town, step)
    return details | ({"place": place(town, step) | {"building": step.get("方書", "")}} if "住所" in step else {})


DETAILS: dict[str, Any] = {
    **dict.fromkeys(("move_in", "move_in_abroad", "address_setting", "office_entry"), join),
    "birth": birth,
    **dict.fromkeys(("move_out", "move_out_abroad", "death", "nationality_loss", "disappearance", "office_removal"), leave),
    "in_notice": notice,
    **dict.fromkeys(("move_within", "household_split", "household_merge", "household_change"), within),
    "head_change": head,
    "name_change": rename,
    "alias": single(("名", "name"), ("カナ", "kana")),
    "former_surname": single(("名", "name"), ("カナ", "kana")),
    "number_change": single(("個人番号", "individual_number")),
    "code_change": single(("住民票コード", "resident_code")),
    "office_restoration": single(("続柄", "relation")),
    "office_correction": correct,
}  # fmt: skip
for _reason in ("move_out_cancel",):
    DETAILS[_reason] = lambda town, step: {"residents": town.named(step["対象"])}


def check(town: Town, expected: dict[str, Any]) -> None:
    for name, state in expected.get("状態", {}).items():
        assert town.one(name).state == STATES[state], name
    for name, relation in expected.get("続柄", {}).items():
        assert town.one(name).relation == relation, name
    for name, address in expected.get("住所", {}).items():
        assert town.one(name).address == address, name
    for name, items in expected.get("記載", {}).items():
        for word, value in items.items():
            wanted = KINDS.get(value, value) if isinstance(value, str) else value
            assert getattr(town.one(name), ITEMS[word]) == wanted, (name, word)
    for name, number in expected.get("個人番号", {}).items():
        assert (number_store.number(town.tx, town.names[name]) is not None) is (number == "あり"), name
    for name, code in expected.get("市区町村コード", {}).items():
        assert town.one(name).authority_code == code, name
    for name, text in expected.get("転出先", {}).items():
        assert (town.one(name).out_fixed_to or town.one(name).out_planned_to) == text, name
    for name in expected.get("同じ世帯", [])[1:]:
        assert town.one(name).household_id == town.one(expected["同じ世帯"][0]).household_id, name
    if "通知" in expected:
        drafts = notice_store.of_movement(town.tx, town.movements[-1].id)
        found = sorted(each.kind for each in drafts if each.state == "draft")
        assert found == sorted(expected["通知"])
    for kind, contents in expected.get("通知の内容", {}).items():
        told = [each.content for each in notice_store.of_movement(town.tx, town.movements[-1].id) if each.kind == kind]
        assert [contents.items() <= each.items() for each in told] == [True], told
    if "件数" in expected:
        assert len(town.hits) == expected["件数"]
    if "見つかる" in expected:
        assert sorted(each.name for each in town.hits) == sorted(expected["見つかる"])
    for text in expected.get("見えない", []):
        assert text not in str(town.hits), text
    for text in (*expected.get("印字", []), *expected.get("含む", [])):
        assert text in town.told, text
    for text in (*expected.get("印字しない", []), *expected.get("含まない", [])):
        assert town.told
        assert text not in town.told, text
    if "同じ内容" in expected:
        assert town.same is expected["同じ内容"]
    if "期間経過" in expected:
        assert town.movements[-1].is_late is expected["期間経過"]
    for looked in expected.get("過去", []):
        moment = town.moments[looked["時点"] - 1] if "時点" in looked else None
        one = asof.resident(town.tx, town.names[looked["人"]], town.date(looked["日"]), moment)
        for word, item in {"住所": "address", "続柄": "relation", "氏名": "name"}.items():
            if word in looked:
                assert getattr(one, item) == looked[word], looked
        if "状態" in looked:
            assert one.state == STATES[looked["状態"]], looked


def test_there_is_a_case_for_every_rule_of_the_movements() -> None:
    names = {file.stem[:3] for file in FOLDER.glob("r*.yaml")}
    assert {f"r{n:02d}" for n in range(1, 15)} <= names


@pytest.mark.parametrize("case", cases())
def test_case(tx: Tx, case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town(tx, case, monkeypatch)
    for step in case.get("前提", []):
        town.take(step)
    expected = case["結果"]
    if "誤り" in expected:
        tx.execute("SAVEPOINT before")
        with pytest.raises(CallerError) as wrong:
            town.take(case["操作"])
        assert wrong.value.slug == expected["誤り"], wrong.value.detail
        if "警告" in expected:
            assert [each["slug"] for each in wrong.value.extra["alerts"]] == expected["警告"]  # type: ignore[attr-defined]
        tx.execute("ROLLBACK TO SAVEPOINT before")
    else:
        town.take(case["操作"])
    check(town, expected)
