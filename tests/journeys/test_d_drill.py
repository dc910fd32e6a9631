"""Journey D: the primary is lost; towns come back from the recovery site alone; measured, signed, destroyed."""

import json
from pathlib import Path

import pytest
from pypdf import PdfReader

from kit.db import connect
from kit.errors import Conflict, NotFound
from platform_api.cli import main as mcloud
from tenants.keyring import postgres_url
from tests.journeys.test_b_certificate import somebody
from tests.support.cloud import MINAMISANRIKU, ONAGAWA, Cloud


def copies(cloud: Cloud) -> list[str]:
    with connect(postgres_url(cloud.home, "recovery")) as tx:
        return [row["datname"] for row in tx.rows("SELECT datname FROM pg_database WHERE datname LIKE 'r\\_%'")]


@pytest.mark.proves("BAK-11")
def test_two_towns_come_back_without_the_primary(cloud: Cloud) -> None:
    with cloud.registry(MINAMISANRIKU, purpose="certificate") as clerk:
        body = {
            "requester": {"kind": "self", "name": "架空 請求者", "address": "宮城県架空市1番地", "documents": ["my_number_card"]}
        }
        assert clerk.post(f"/residents/{somebody(cloud)}/certificates", json=body).status_code == 201
    for code in (ONAGAWA, MINAMISANRIKU):
        cloud.run("dr", "backup", "--tenant", code)
    evidence = cloud.run("infra.run", "lose-site")
    try:
        assert (evidence["ports_listening"], evidence["folder_there"], evidence["mode"]) == ([], False, "000")
        done = cloud.api.wait(cloud.api.drill([ONAGAWA, MINAMISANRIKU]))
    finally:
        cloud.run("infra.run", "return-site")
    report = done["result"]["drill"]
    assert report["passed"]
    for town in report["tenants"]:
        assert (town["rows_different"], town["differs"], town["error"]) == (0, [], None)
        assert town["rows_compared"] > 500
        assert 0 < town["rto_seconds"] < town["rto_promised_seconds"]
        assert 0 <= town["rpo_seconds"] < town["rpo_promised_seconds"]
        assert list(town["destroyed"].values()) == [True]
    assert report["tenants"][1]["certificate_equal"] is True
    assert copies(cloud) == []
    paths = {kind: Path(path) for kind, path in done["result"]["paths"].items()}
    assert "復元訓練報告書" in PdfReader(paths["pdf"]).pages[0].extract_text()
    assert cloud.api.drill_report(done["id"])["signature_valid"] is True
    # mutant: one digit changed in the report
    text = paths["json"].read_text()
    told = json.loads(text)
    told["tenants"][0]["rows_compared"] += 1
    paths["json"].write_text(json.dumps(told))
    assert cloud.api.drill_report(done["id"])["signature_valid"] is False
    paths["json"].write_text(text)
    # the primary works as before
    with cloud.registry(ONAGAWA) as clerk:
        assert clerk.get("/statistics").status_code == 200


def test_one_town_restored_on_purpose_stays_until_it_is_destroyed(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MCLOUD_HOME", str(cloud.home.path))
    assert mcloud(["restore", "run", "--tenant", ONAGAWA, "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["differs"], copies(cloud)) == ([], [told["database"]])
    assert mcloud(["restore", "destroy", told["database"], "--tenant", MINAMISANRIKU]) == 3
    assert mcloud(["restore", "destroy", "keycloak", "--tenant", ONAGAWA]) == 3
    assert copies(cloud) == [told["database"]]
    assert mcloud(["restore", "destroy", told["database"], "--tenant", ONAGAWA]) == 0
    assert copies(cloud) == []
    assert mcloud(["restore", "run", "--tenant", ONAGAWA, "--at", "2011-03-11T14:46:00+09:00"]) == 1


def test_preflight_tells_everything_at_once_and_begins_nothing(cloud: Cloud) -> None:
    with pytest.raises(Conflict) as told:
        cloud.run("dr", "drill", "--tenant", "041009", "--tenant", "042021", "--tenant", ONAGAWA)
    assert "041009" in told.value.detail
    assert "042021" in told.value.detail
    assert ONAGAWA not in told.value.detail
    assert copies(cloud) == []


def test_a_drill_of_an_unknown_town_is_not_found(cloud: Cloud) -> None:
    with pytest.raises(NotFound):
        cloud.api.drill(["011002"])
    with pytest.raises(NotFound):
        cloud.api.drill_report("00000000-0000-0000-0000-000000000000")


def test_while_the_primary_is_away_its_towns_are_unavailable_and_say_so(cloud: Cloud) -> None:
    cloud.run("infra.run", "lose-site")
    try:
        with pytest.raises(Exception, match="does not answer"):
            cloud.run("dr", "backup", "--tenant", ONAGAWA)
        with pytest.raises(Conflict, match="site primary is lost"):
            cloud.run("infra.run", "up")
    finally:
        cloud.run("infra.run", "return-site")
    assert cloud.run("dr", "backup", "--tenant", ONAGAWA)["changed"]
