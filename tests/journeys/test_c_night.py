"""Journey C: at night bases and sealed segments go to both sites, are signed for and checked."""

import json

from kit.db import connect
from platform_api.cli import main as mcloud
from tenants import ledger
from tenants.keyring import platform_url
from tests.support.cloud import ONAGAWA, TENANTS, Cloud


def test_every_tenant_is_copied_to_both_sites(cloud: Cloud) -> None:
    for code in TENANTS:
        result = cloud.api.wait(cloud.api.back_up(code))["result"]
        assert [site["site"] for site in result["sites"]] == ["primary", "recovery"]
        assert all(site["bytes_added"] > 0 for site in result["sites"])
        newest = cloud.api.backups(code)[-1]
        assert newest["snapshot"] == result["sites"][1]["snapshot"]
        with connect(platform_url(cloud.home, "platform")) as tx:
            kinds = [event.kind for event in ledger.events(tx, code) if event.kind != "worked"]
        assert kinds[-1] == "backed_up"
        assert {each["wrong"] for each in cloud.run("dr", "check", "--tenant", code)["sites"]} == {None}


def test_a_base_is_taken_only_when_due_or_asked_for(cloud: Cloud) -> None:
    kinds = [cloud.run("dr", "backup", "--tenant", ONAGAWA, *more)["kind"] for more in ([], ["--base"], [])]
    assert kinds == ["segments", "base", "segments"]


def test_the_journal_verifies_and_the_command_says_so(cloud: Cloud, capsys: object, monkeypatch: object) -> None:
    monkeypatch.setenv("MCLOUD_HOME", str(cloud.home.path))  # type: ignore[attr-defined]
    assert mcloud(["journal", "verify", "--tenant", ONAGAWA, "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)  # type: ignore[attr-defined]
    assert told.keys() == {"entries", "segments", "intact", "first_broken"}
    assert (told["intact"], told["first_broken"]) == (True, None)
    file = cloud.home.segments(ONAGAWA) / "000001.jsonl.zst"
    sound = file.read_bytes()
    file.write_bytes((cloud.home.segments(ONAGAWA) / "000002.jsonl.zst").read_bytes())
    try:
        assert mcloud(["journal", "verify", "--tenant", ONAGAWA, "-o", "json"]) == 1
        assert "segment 1" in json.loads(capsys.readouterr().out)["first_broken"]  # type: ignore[attr-defined]
    finally:
        file.write_bytes(sound)
