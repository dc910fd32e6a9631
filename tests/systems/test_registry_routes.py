"""The counter for machines: movements over HTTP, versions, alerts, keys, as-of views. The real application on a real database."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import anyio
import httpx2
import pytest

from infra.targets.services import Postgres
from kit.app import create_app
from kit.auth import Actor
from kit.db import Database, connect
from kit.errors import Unauthenticated
from kit.migrate import migrate
from kit.settings import ProcessSettings
from systems.resident_registry.routes import routers
from tests.support.journaled import journaled
from tests.support.registry import MIGRATIONS, ONAGAWA, TODAY

CLERK, SUPERVISOR, AUDITOR = "registry_clerk", "registry_supervisor", "auditor"
#: what every arrival of these tests is asked about: nobody brings a 住民票コード
CODE = "resident-code-drawn"
STAFF = {"clerk": {CLERK}, "clerk-2": {CLERK}, "supervisor": {CLERK, SUPERVISOR, "dv_officer"}, "auditor": {AUDITOR}}


class Staff:
    """Stands in for Keycloak here only: signing in is tested in tests/isolation."""

    def verify(self, authorization: str | None) -> Actor:
        name = (authorization or "").removeprefix("Bearer ")
        if name not in STAFF:
            raise Unauthenticated("sign in")
        return Actor(ONAGAWA, name, name, frozenset(STAFF[name]), "mynumber", True)


class Counter:
    def __init__(self, app: Any, url: str) -> None:
        self.app, self.url = app, url

    def ask(
        self, method: str, path: str, *, who: str = "clerk", version: int | None = None, key: str | None = None, **more: Any
    ) -> Any:
        headers = {"Authorization": f"Bearer {who}", "X-Purpose": more.pop("purpose", "notification")}
        headers |= {"If-Match": f'"{version}"'} if version is not None else {}
        headers |= {"Idempotency-Key": key} if key else {}

        async def go() -> httpx2.Response:
            transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://office/resident-registry") as client:
                return await client.request(method, path, headers=headers, **more)

        return anyio.run(go)

    def move(self, reason: str, details: dict[str, Any], **body: Any) -> Any:
        sent = {"event_on": str(TODAY), "details": {"reason": reason} | details, "up_to": "decided", "confirmed": [CODE]} | body
        return self.ask("POST", "/movements", json=sent)

    def move_in(self, name: str = "架空　太郎", **body: Any) -> str:
        answer = self.move("move_in", MOVE_IN | {"people": [PERSON | {"name": name}]}, **body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["residents"][0])


PERSON = {"name": "架空　太郎", "kana": "カクウ　タロウ", "sex": "male", "born_on": "1980-01-01", "relation": "世帯主"}
MOVE_IN = {
    "place": {"postal_code": "9862261", "address": "宮城県牡鹿郡女川町女川1番地1"},
    "previous": {"address": "東京都"},
    "certificate": "paper",
    "people": [PERSON],
}
GROUND = {"kind": "error", "text": "誤り", "on": str(TODAY)}


@pytest.fixture
def counter(postgres: Postgres, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    url = journaled(postgres, tmp_path).superuser
    migrate(url, "resident_registry", MIGRATIONS)
    monkeypatch.setenv("MCLOUD_DATA_KEY", "11" * 32)
    monkeypatch.setenv("MCLOUD_BLIND_INDEX_KEY", "22" * 32)
    settings = ProcessSettings(
        tenant=ONAGAWA, tenant_name="女川町", zone="mynumber", systems=("resident_registry",), database_port=1, database_name="x",
        database_role="x", issuer="x", jwks_url="x", audience="x", clients=(), port=1,
    )  # fmt: skip
    database = Database(url)
    yield Counter(create_app(title="x", routers=routers, verifier=Staff(), database=database, settings=settings), url)
    database.close()


def test_a_filing_step_by_step_and_at_once(counter: Counter) -> None:
    one = counter.move("move_in", MOVE_IN, up_to="draft").json()
    assert (one["state"], one["residents"]) == ("draft", [])
    path = f"/movements/{one['id']}"
    assert counter.ask("POST", f"{path}:submit", json={}).json()["type"].endswith("version-required")
    handed = counter.ask("POST", f"{path}:submit", json={"confirmed": [CODE]}, version=one["version"]).json()
    back = counter.ask("POST", f"{path}:return", json={"reason": "住所を確認"}, version=handed["version"]).json()
    assert (back["state"], back["returned_for"]) == ("returned", "住所を確認")
    body = {"event_on": str(TODAY), "details": {"reason": "move_in"} | MOVE_IN}
    edited = counter.ask("PUT", path, json=body, version=back["version"]).json()
    handed = counter.ask("POST", f"{path}:submit", json={"confirmed": [CODE]}, version=edited["version"]).json()
    decided = counter.ask("POST", f"{path}:approve", version=handed["version"]).json()
    assert decided["processed_on"] == str(TODAY)
    shown = counter.ask("GET", path)
    assert shown.headers["etag"] == f'"{decided["version"]}"'
    assert {each["kind"] for each in shown.json()["notices"]} == {"juki_change", "number_request"}
    assert counter.ask("GET", f"/residents/{decided['residents'][0]}").json()["atena_no"] == f"{1:015d}"


def test_a_notice_without_departure_goes_no_further_than_a_draft(counter: Counter) -> None:
    """Mutant: the route approves whatever it entered; seen failing with 409 wrong-state."""
    one = counter.move("move_in", MOVE_IN).json()["residents"][0]
    told = {"residents": [{"id": one, "version": 1}], "destination": {"address": "宮城県石巻市"}, "received_on": str(TODAY)}
    refused = counter.move("in_notice", told)
    assert [each["slug"] for each in refused.json()["alerts"]] == ["no-departure"]
    kept = counter.move("in_notice", told, confirmed=["no-departure"]).json()
    assert kept["state"] == "draft"
    rows = counter.ask("GET", "/lists/in_notices_unmatched").json()["rows"]
    assert [row[0] for row in rows] == [kept["number"]]
    assert counter.ask("GET", "/lists/departures_overdue").json()["rows"] == []


def test_a_version_that_is_not_the_newest_gets_412_with_the_newest(counter: Counter) -> None:
    one = counter.move("move_in", MOVE_IN, up_to="draft").json()
    old = counter.ask("POST", f"/movements/{one['id']}:submit", json={}, version=9)
    assert (old.status_code, old.json()["current_version"]) == (412, 1)
    assert old.json()["title"] == "読み取った後に更新されています。新しい版を確認してください。"
    number = counter.move_in("架空　花")
    stale = counter.move("death", {"residents": [{"id": number, "version": 7}]}, up_to="review")
    assert (stale.status_code, stale.json()["current_version"]) == (412, 1)


def test_alerts_are_listed_and_confirmed_by_slug(counter: Counter) -> None:
    late = {"event_on": str(TODAY - timedelta(days=60)), "filed_on": str(TODAY)}
    told = counter.move("move_in", MOVE_IN, **late)
    assert (told.status_code, [each["slug"] for each in told.json()["alerts"]]) == (409, ["late-filing"])
    done = counter.move("move_in", MOVE_IN, **late, confirmed=["late-filing", CODE]).json()
    assert done["is_late"]
    notices = counter.ask("GET", f"/movements/{done['id']}").json()["notices"]
    assert [each["addressee"] for each in notices if each["kind"] == "late_filing"] == ["簡易裁判所"]


def test_the_same_key_answers_the_same_and_moves_once(counter: Counter) -> None:
    body = {"event_on": str(TODAY), "details": {"reason": "move_in"} | MOVE_IN, "up_to": "decided", "confirmed": [CODE]}
    first, second = (counter.ask("POST", "/movements", json=body, key="k") for _ in range(2))
    assert first.json() == second.json()
    assert counter.ask("GET", "/statistics").json()["residents"] == 1
    assert counter.ask("POST", "/movements", json=body | {"filer": "head"}, key="k").status_code == 422


def test_the_office_decides_with_two_officers(counter: Counter) -> None:
    number = counter.move_in()
    details = {"residents": [{"id": number, "version": 1}]}
    fact = {"ground": {"kind": "fact_check", "text": "不在", "on": str(TODAY)}}
    waiting = counter.move("office_removal", details, **fact, up_to="review").json()
    path, version = f"/movements/{waiting['id']}:approve", waiting["version"]
    for who in ("clerk", "clerk-2"):
        refused = counter.ask("POST", path, version=version, who=who)
        assert (refused.status_code, refused.json()["title"]) == (403, "入力した職員とは別の決裁者が必要です。")
    assert counter.ask("POST", path, version=version, who="supervisor").status_code == 200
    assert counter.ask("GET", f"/residents/{number}").json()["state"] == "removed"


def test_an_auditor_and_nobody_move_anything(counter: Counter) -> None:
    body = {"event_on": str(TODAY), "details": {"reason": "move_in"} | MOVE_IN}
    assert counter.ask("POST", "/movements", json=body, who="auditor").status_code == 403
    assert counter.ask("POST", "/movements", json=body, who="nobody").status_code == 401
    told = counter.ask("POST", "/movements", json=body, purpose="curiosity")
    assert (told.status_code, told.json()["type"]) == (428, "urn:mcloud:problem:purpose-missing")


def test_a_number_of_a_form_is_not_told_again(counter: Counter) -> None:
    people = [PERSON | {"individual_number": "379474484458"}]
    one = counter.move("move_in", MOVE_IN | {"people": people}, up_to="draft").json()
    assert "379474484458" not in counter.ask("GET", f"/movements/{one['id']}").text
    wrong = counter.move("move_in", MOVE_IN | {"people": [PERSON | {"individual_number": "507957100722"}]})
    assert (wrong.status_code, wrong.json()["type"]) == (422, "urn:mcloud:problem:check-digit")
    assert "507957100722" not in wrong.text
    with connect(counter.url) as tx:
        assert "379474484458" not in "".join(str(row) for row in tx.rows("SELECT * FROM journal.entry"))


def test_as_it_stood_and_as_it_was_known(counter: Counter) -> None:
    since = TODAY - timedelta(days=10)
    number = counter.move_in(event_on=str(since), filed_on=str(since))
    before = counter.ask("GET", f"/residents/{number}/history").json()["versions"][0]["known_from"]
    details = {"residents": [{"id": number, "version": 1}], "place": {"postal_code": "9862261", "address": "女川町鷲神浜2番地"}}
    moved = counter.move("move_within", details, event_on=str(TODAY - timedelta(days=4))).json()
    path = f"/residents/{number}"

    def address(**query: Any) -> Any:
        return counter.ask("GET", path, params={k: str(v) for k, v in query.items()}).json().get("address")

    assert address() == "女川町鷲神浜2番地"
    assert address(as_of=TODAY - timedelta(days=5)) == "宮城県牡鹿郡女川町女川1番地1"
    assert address(as_of=TODAY - timedelta(days=4)) == "女川町鷲神浜2番地"
    assert address(as_of=TODAY, known_at=before) == "宮城県牡鹿郡女川町女川1番地1"
    assert counter.ask("GET", path, params={"as_of": str(since - timedelta(days=1))}).status_code == 404
    household = counter.ask("GET", path).json()["household_id"]
    shown = counter.ask("GET", f"/households/{household}", params={"as_of": str(TODAY - timedelta(days=5))}).json()
    assert (shown["address"], len(shown["members"])) == ("宮城県牡鹿郡女川町女川1番地1", 1)
    counts = counter.ask("GET", "/register", params={"as_of": str(since - timedelta(days=1))}).json()
    assert (counts["residents"], counter.ask("GET", "/register").json()["residents"]) == (0, 1)
    reversal = counter.ask("POST", f"/movements/{moved['id']}:cancel", json={"ground": GROUND}, version=moved["version"]).json()
    assert (reversal["reason"], reversal["state"], reversal["cancels"]) == ("reversal", "review", moved["id"])
    done = counter.ask("POST", f"/movements/{reversal['id']}:approve", version=reversal["version"], who="supervisor")
    assert done.status_code == 200, done.text
    assert address() == "宮城県牡鹿郡女川町女川1番地1"
    listed = counter.ask("GET", "/movements", params={"resident": number}).json()["movements"]
    assert [(each["reason"], each["state"]) for each in listed] == [
        ("move_in", "decided"),
        ("move_within", "cancelled"),
        ("reversal", "decided"),
    ]
    versions = counter.ask("GET", f"{path}/history").json()["versions"]
    assert len(versions) == 4  # the two that were believed once, the one cut at the move, and the one that holds


def test_the_past_of_a_protected_resident_is_masked_too(counter: Counter) -> None:
    since = TODAY - timedelta(days=10)
    number = counter.move_in(event_on=str(since), filed_on=str(since))
    body = {"applicant": number, "kind": "A", "opponent": {"name": "架空　相手"}}
    assert counter.ask("POST", "/support-cases", json=body, who="supervisor").status_code == 201
    household = counter.ask("GET", f"/residents/{number}").json()["household_id"]
    movement = counter.ask("GET", "/movements").json()["movements"][0]["id"]
    for path in (f"/residents/{number}", f"/households/{household}", f"/movements/{movement}"):
        answer = counter.ask("GET", path, params={"as_of": str(since)})
        assert "女川1番地" not in answer.text, path
        assert "女川1番地" in counter.ask("GET", path, params={"as_of": str(since)}, who="supervisor").text


def test_relations_are_proposed_without_writing(counter: Counter) -> None:
    wife = PERSON | {"name": "架空　花", "sex": "female", "relation": "妻"}
    filed = counter.move("move_in", MOVE_IN | {"people": [PERSON, wife]}).json()
    head, spouse = filed["residents"]
    household = counter.ask("GET", f"/residents/{head}").json()["household_id"]
    told = counter.ask("POST", f"/households/{household}:recalculate", json={"head": spouse}).json()
    assert told["relations"] == {spouse: "世帯主", head: "夫"}
    assert counter.ask("GET", f"/residents/{head}").json()["relation"] == "世帯主"


def test_pages_of_movements_follow_each_other(counter: Counter) -> None:
    for n in range(3):
        counter.move_in(f"架空　{n}")
    first = counter.ask("GET", "/movements", params={"limit": 2}).json()
    second = counter.ask("GET", "/movements", params={"limit": 2, "after": first["next"]}).json()
    numbers = [each["number"] for each in first["movements"] + second["movements"]]
    assert (len(numbers), second["next"]) == (3, None)
    assert numbers == sorted(numbers)


def test_every_look_is_recorded(counter: Counter) -> None:
    number = counter.move_in()
    household = counter.ask("GET", f"/residents/{number}").json()["household_id"]
    movement = counter.ask("GET", "/movements").json()["movements"][0]["id"]
    for path in (f"/residents/{number}/history", f"/households/{household}", f"/movements/{movement}"):
        with connect(counter.url) as tx:
            before = tx.value("SELECT count(*) FROM journal.entry WHERE kind = 'access'")
        assert counter.ask("GET", path).status_code == 200
        with connect(counter.url) as tx:
            assert tx.value("SELECT count(*) FROM journal.entry WHERE kind = 'access'") == before + 1, path


def test_a_preview_tells_everything_and_does_nothing(counter: Counter) -> None:
    wife = PERSON | {"name": "架空　花", "sex": "female", "relation": "妻"}
    head, spouse = counter.move("move_in", MOVE_IN | {"people": [PERSON, wife]}).json()["residents"]
    details = {"reason": "death", "residents": [{"id": head, "version": 1}]}
    body = {"event_on": str(TODAY), "details": details}
    told = counter.ask("POST", "/movements:preview", json=body).json()
    effects = {each["id"]: each["items"] for each in told["effects"]}
    assert effects[head]["state"] == ["current", "dead"]
    assert effects[spouse] == {"relation": ["妻", "世帯主"]}
    assert counter.ask("GET", f"/residents/{head}").json()["version"] == 1
    assert len(counter.ask("GET", "/movements").json()["movements"]) == 1
    late = {"event_on": str(TODAY - timedelta(days=60)), "filed_on": str(TODAY), "details": {"reason": "move_in"} | MOVE_IN}
    told = counter.ask("POST", "/movements:preview", json=late).json()
    assert (told["is_late"], {each["slug"] for each in told["alerts"]}) == (True, {"late-filing", "same-person", CODE})
    assert told["effects"][0]["items"]["name"] == [None, "架空　太郎"]
    wrong = counter.ask("POST", "/movements:preview", json=body | {"event_on": str(TODAY + timedelta(days=1))})
    assert wrong.status_code == 422


@pytest.mark.proves("API-3")
@pytest.mark.parametrize("text", ["甲\x00", "甲\ue000", "甲\U000f0000", "甲\x1b[2J", "甲\n"])
def test_what_no_form_can_carry_is_refused_wherever_it_stands(counter: Counter, text: str) -> None:
    for details in (
        MOVE_IN | {"people": [PERSON | {"name": text}]},
        MOVE_IN | {"place": MOVE_IN["place"] | {"address": text}},  # type: ignore[operator]
        MOVE_IN | {"previous": {"address": "東京都", "head": text}},
    ):
        answer = counter.move("move_in", details, up_to="draft")
        assert answer.status_code == 422, answer.text
        assert text not in answer.text


@pytest.mark.parametrize(
    "change",
    [
        {"event_on": "9999-12-31"},
        {"event_on": "0001-01-01"},
        {"filed_on": "9999-12-31"},
        {"details": {"reason": "move_in", **MOVE_IN, "certificate": "data", "out_planned_on": "9999-12-31"}},
        {"details": {"reason": "move_in", **MOVE_IN, "people": [PERSON | {"born_on": "0001-01-01"}]}},
        {"details": {"reason": "death", "residents": [{"id": "00000000-0000-4000-8000-000000000000", "version": 10**30}]}},
        {"details": {"reason": "nonsense"}},
        {"details": {"reason": "move_in", **MOVE_IN, "people": []}},
        {"confirmed": ["x"] * 21},
    ],
)
def test_edges_are_answered_never_an_error_of_ours(counter: Counter, change: dict[str, Any]) -> None:
    body = {"event_on": str(TODAY), "details": {"reason": "move_in"} | MOVE_IN, "up_to": "decided"} | change
    assert counter.ask("POST", "/movements", json=body).status_code in (201, 404, 409, 422)
