"""Journey B: a clerk signs in, says why, finds a resident, issues a certificate; refusals are recorded too."""

import hashlib
import io
from typing import Any

import httpx2
import pytest
from pypdf import PdfReader

from kit.db import connect
from tenants.keyring import tenant_url
from tests.support.bent import bent
from tests.support.cloud import MINAMISANRIKU, Cloud
from tools.demo import scenes
from tools.demo.counter import Counter
from tools.login import login

CODE = MINAMISANRIKU


def entries(cloud: Cloud, kind: str) -> list[dict[str, Any]]:
    with connect(tenant_url(cloud.home, CODE, "backup")) as tx:
        return tx.rows("SELECT * FROM journal.entry WHERE kind = %s ORDER BY id", (kind,))


def somebody(cloud: Cloud, *, protected: bool = False) -> str:
    """Id of a resident, free of restrictions or protected today."""
    with connect(tenant_url(cloud.home, CODE, "backup")) as tx:
        found = tx.value(
            "SELECT r.id::text FROM resident_registry.resident r WHERE state = 'current' AND %s = EXISTS (SELECT FROM "
            "resident_registry.support_protected d JOIN resident_registry.resident m ON m.id = d.resident_id "
            "WHERE m.household_id = r.household_id) ORDER BY r.id LIMIT 1",
            (protected,),
        )
    return str(found)


def test_from_sign_in_to_pdf(cloud: Cloud, tmp_path: Any) -> None:
    number = somebody(cloud)
    with cloud.registry(CODE, purpose="certificate") as clerk:
        shown = clerk.get(f"/residents/{number}").json()
        found = clerk.get("/residents", params={"name": shown["name"].split("\u3000")[0], "born_on": shown["born_on"]}).json()
        assert number in [hit["id"] for hit in found["residents"]]
        body = {"requester": {"kind": "self"}}
        issued = clerk.post(f"/residents/{number}/certificates", json=body, headers={"Idempotency-Key": "b-1"}).json()
        again = clerk.post(f"/residents/{number}/certificates", json=body, headers={"Idempotency-Key": "b-1"}).json()
        assert issued == again
        pdfs = [clerk.get(f"/certificates/{issued['serial']}/pdf").content for _ in range(2)]
    assert pdfs[0] == pdfs[1]
    assert hashlib.sha256(pdfs[0]).hexdigest() == issued["pdf_sha256"]
    text = PdfReader(io.BytesIO(pdfs[0])).pages[0].extract_text()
    assert "住民票の写し" in text
    assert "南三陸町長" in text
    last = entries(cloud, "access")[-1]
    assert (last["purpose"], last["key"]) == ("certificate", {"id": number})
    assert last["actor"]


@pytest.mark.proves("JRN-16")
def test_without_a_purpose_nothing_is_shown(cloud: Cloud) -> None:
    number = somebody(cloud)
    looked = len(entries(cloud, "access"))
    with cloud.registry(CODE) as clerk:
        for headers in ({"X-Purpose": ""}, {"X-Purpose": "curiosity"}):
            for path in (f"/residents/{number}", "/residents?address=%E5%8D%97%E4%B8%89%E9%99%B8"):
                answer = clerk.get(path, headers=headers)
                assert answer.status_code == 428
                assert "name" not in answer.json()
    assert len(entries(cloud, "access")) == looked
    assert [entry["detail"]["status"] for entry in entries(cloud, "refusal")[-4:]] == [428] * 4


def shown_and_recorded(cloud: Cloud, clerk: httpx2.Client) -> tuple[set[str], set[str]]:
    """Ids of the people whom a search and a look show, and ids in the access entries written meanwhile."""
    before = len(entries(cloud, "access"))
    answers = (clerk.get("/residents", params={"name": name}) for name in ("千葉", "佐藤", "三浦", "葛西", "星　"))
    found = next(hits for hits in (answer.json().get("residents") for answer in answers) if hits)
    one = clerk.get(f"/residents/{somebody(cloud)}").json()
    told = entries(cloud, "access")[before:]
    return {hit["id"] for hit in (*found, one)}, {entry["key"]["id"] for entry in told}


@pytest.mark.proves("JRN-16")
def test_every_person_shown_has_an_access_entry(cloud: Cloud) -> None:
    with cloud.registry(CODE) as clerk:
        shown, recorded = shown_and_recorded(cloud, clerk)
    assert shown == recorded


@pytest.mark.proves("JRN-16")
def test_mutant_a_process_that_records_no_access_is_found(cloud: Cloud) -> None:
    silent = "import kit.journal; kit.journal.record_access = lambda *_, **__: None"
    with bent(cloud, CODE, "registry-clerk", first=silent) as clerk:
        shown, recorded = shown_and_recorded(cloud, clerk)
    assert shown
    assert recorded == set()


def test_a_protected_resident_is_refused_to_the_other_party_and_masked(cloud: Cloud) -> None:
    number = somebody(cloud, protected=True)
    with cloud.registry(CODE, purpose="certificate") as clerk:
        body = {"requester": {"kind": "third_party", "name": "相手", "ground": "債権"}, "form": "household"}
        refused = clerk.post(f"/residents/{number}/certificates", json=body)
        assert refused.status_code == 403
        assert "支援" not in refused.text
        with connect(tenant_url(cloud.home, CODE, "backup")) as tx:
            one = tx.value("SELECT resident_id::text FROM resident_registry.support_protected LIMIT 1")
        assert clerk.get(f"/residents/{one}").json()["address"] is None
    assert entries(cloud, "refusal")[-1]["detail"]["status"] == 403
    with cloud.registry(CODE, "registry-supervisor", purpose="certificate") as supervisor:
        assert supervisor.get(f"/residents/{one}").json()["address"]


def test_roles_and_versions(cloud: Cloud) -> None:
    number = somebody(cloud)
    with cloud.registry(CODE, "auditor") as auditor:
        assert auditor.get(f"/residents/{number}").status_code == 403
    with cloud.registry(CODE) as clerk:
        body = {"kind": "death", "event_on": "2026-11-01", "resident": {"id": number, "version": 99}}
        assert clerk.post("/notifications", json=body).status_code == 412
        assert clerk.post("/notifications", json=body | {"colour": "x"}).status_code == 422


def test_the_scenes_of_the_demo(cloud: Cloud, tmp_path: Any) -> None:
    clerk = Counter(cloud.home, CODE, "tenant-admin")
    assert clerk.call("GET", "/residents", params={"name": "佐藤"}).status_code == 403
    with cloud.registry(CODE) as signed_in:
        clerk._http = signed_in
        filed = scenes.register_move_in(clerk)
        scenes.register_birth(clerk, filed["residents"][0])
        told = scenes.issue_certificate(clerk, filed["residents"][0], tmp_path)
    assert told["equal"]


def test_a_wrong_password_or_code_lets_nobody_in(cloud: Cloud) -> None:
    with pytest.raises(PermissionError):
        login(cloud.home.keycloak_url, CODE, "mynumber", "registry-clerk", "wrong", "wrong", "http://127.0.0.1:8765/callback")


def test_logs_carry_no_personal_data(cloud: Cloud) -> None:
    with connect(tenant_url(cloud.home, CODE, "backup")) as tx:
        words = [row["name"] for row in tx.rows("SELECT name FROM resident_registry.resident")]
        words += [row["resident_code"] for row in tx.rows("SELECT resident_code FROM resident_registry.resident")]
        ids = [str(row["id"]) for row in tx.rows("SELECT id FROM resident_registry.resident")]
    logs = "".join(file.read_text(errors="replace") for file in (cloud.home.run / "logs").glob("*.log"))
    assert "/residents/{resident_id}" in logs  # mutant: an empty log carries nothing either
    assert [word for word in (*words, *ids) if word in logs] == []
    secrets = [file.read_text() for file in cloud.home.secrets.glob("tenant-*.json")]
    import json

    values = [value for text in secrets for value in json.loads(text).values()]
    assert [value for value in values if value in logs] == []
