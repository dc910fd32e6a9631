"""Journey B: a clerk signs in, says why, finds a resident, issues a certificate; refusals are recorded too."""

import hashlib
import io
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pypdf import PdfReader

from infra.targets import local
from kit.db import connect
from tenants.catalog import index
from tenants.keyring import tenant_keys, tenant_url
from tests.support.bent import bent
from tests.support.cloud import MINAMISANRIKU, Cloud
from tools.demo import scenes
from tools.demo.counter import Counter
from tools.login import login

CODE = MINAMISANRIKU
ASKER = {"name": "架空 請求者", "address": "宮城県架空市1番地", "documents": ["my_number_card"]}


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
        sought = {"name": shown["name"].split("\u3000")[0], "born_on": shown["born_on"]}
        found = clerk.post("/residents/search", json=sought).json()
        assert number in [hit["id"] for hit in found["residents"]]
        body = {"requester": {"kind": "self"} | ASKER}
        issued = clerk.post(f"/residents/{number}/certificates", json=body, headers={"Idempotency-Key": "b-1"}).json()
        again = clerk.post(f"/residents/{number}/certificates", json=body, headers={"Idempotency-Key": "b-1"}).json()
        assert issued == again
        pdfs = [clerk.get(f"/certificates/{issued['serial']}/pdf").content for _ in range(2)]
    assert pdfs[0] == pdfs[1]
    assert hashlib.sha256(pdfs[0]).hexdigest() == issued["pdf_sha256"]
    text = PdfReader(io.BytesIO(pdfs[0])).pages[0].extract_text()
    assert "この写しは、住民票の原本と相違ないことを証明する" in text
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
            looks = (("GET", f"/residents/{number}", None), ("POST", "/residents/search", {"address": "南三陸"}))
            for method, path, body in looks:
                answer = clerk.request(method, path, json=body, headers=headers)
                assert answer.status_code == 428
                assert "name" not in answer.json()
    assert len(entries(cloud, "access")) == looked
    assert [entry["detail"]["status"] for entry in entries(cloud, "refusal")[-4:]] == [428] * 4


def shown_and_recorded(cloud: Cloud, clerk: httpx2.Client) -> tuple[set[str], set[str]]:
    """Ids of the people whom a search and a look show, and ids in the access entries written meanwhile."""
    before = len(entries(cloud, "access"))
    answers = (clerk.post("/residents/search", json={"name": name}) for name in ("千葉", "佐藤", "三浦", "葛西", "星　"))
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
        body = {"requester": {"kind": "third_party", "ground": "債権"} | ASKER, "form": "household"}
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
        details = {"reason": "death", "residents": [{"id": number, "version": 99}]}
        body = {"event_on": "2026-11-01", "details": details, "up_to": "review"}
        stale = clerk.post("/movements", json=body)
        assert (stale.status_code, stale.json()["current_version"]) == (412, 1)
        assert clerk.post("/movements", json=body | {"colour": "x"}).status_code == 422


def test_the_scenes_of_the_demo(cloud: Cloud, tmp_path: Any) -> None:
    clerk = Counter(cloud.home, CODE, "tenant-admin")
    assert clerk.call("POST", "/residents/search", json={"name": "佐藤"}).status_code == 403
    with cloud.registry(CODE) as signed_in:
        clerk._http = signed_in
        filed = scenes.register_move_in(clerk)
        scenes.register_birth(clerk, filed["residents"][0])
        told = scenes.issue_certificate(clerk, filed["residents"][0], tmp_path)
    assert told["equal"]


def test_the_public_checks_a_certificate_without_signing_in(cloud: Cloud) -> None:
    number = somebody(cloud)
    public = f"http://127.0.0.1:{cloud.home.tenant_port(index(CODE), 'internet')}"
    with cloud.registry(CODE, purpose="certificate") as clerk:
        issued = clerk.post(f"/residents/{number}/certificates", json={"requester": {"kind": "self"} | ASKER}).json()
        name = clerk.get(f"/residents/{number}").json()["name"]
        text = PdfReader(io.BytesIO(clerk.get(f"/certificates/{issued['serial']}/pdf").content)).pages[0].extract_text()
    address = f"{public}/verify/{issued['code'].replace('-', '')}"
    assert address in text  # what the QR code leads to
    told = httpx2.get(address, params={"sha256": issued["pdf_sha256"]})
    known = {"tenant": CODE, "kind": "住民票の写し", "issued_on": issued["issued_on"], "hash_match": True}
    assert told.json() == known
    unknown = httpx2.get(f"{public}/verify/{'2' * 20}", params={"sha256": issued["pdf_sha256"]})
    assert (unknown.status_code, unknown.json()) == (200, known | {"kind": None, "issued_on": None, "hash_match": False})
    page = httpx2.get(address, headers={"Accept": "text/html"}).text
    assert "発行したものです" in page
    assert name not in page
    assert httpx2.get(f"{public}/resident-registry/residents").status_code == 404


def test_the_publics_process_holds_no_key_of_the_register(cloud: Cloud) -> None:
    processes = {each["name"]: each["pid"] for each in local.state(cloud.home, CODE)}
    keys = tenant_keys(cloud.home, CODE)
    inside = Path(f"/proc/{processes[f'tenant-{CODE}-mynumber']}/environ").read_text()
    outside = Path(f"/proc/{processes[f'tenant-{CODE}-internet']}/environ").read_text()
    assert keys.internet_password in outside
    for secret in (keys.data_key, keys.blind_index_key):
        assert secret in inside  # mutant: the register's own process is found to hold them
        assert secret not in outside


def test_a_representative_who_asks_for_numbers_gets_no_paper_at_the_counter(cloud: Cloud) -> None:
    number = somebody(cloud)
    body = {"requester": {"kind": "representative"} | ASKER | {"documents": ["passport", "mandate"]}}
    wanted = body | {"with_individual_number": True}
    with cloud.registry(CODE, purpose="certificate") as clerk:
        assert clerk.post(f"/residents/{number}/certificates", json=wanted).status_code == 403
    with cloud.registry(CODE, "number-officer", purpose="certificate") as officer:
        issued = officer.post(f"/residents/{number}/certificates", json=wanted).json()
        assert issued["delivery"] == "deliver_by_mail_to_person"
        assert officer.get(f"/certificates/{issued['serial']}/pdf").status_code == 409
        assert officer.get(f"/certificates/{issued['serial']}/mailing").status_code == 403
    with cloud.registry(CODE, "registry-supervisor", purpose="certificate") as supervisor:
        pdf = supervisor.get(f"/certificates/{issued['serial']}/mailing")
    assert pdf.status_code == 200
    looked = [each for each in entries(cloud, "access") if each["table"] == "resident_registry.individual_number"]
    assert [each["detail"]["act"] for each in looked[-2:]] == ["certificate", "certificate_mailing"]


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
