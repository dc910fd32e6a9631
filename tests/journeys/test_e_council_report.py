"""Journey E: what sharing costs, to the yen, over the API and on a machine where nothing runs."""

import json
from pathlib import Path

import pytest

from kit.errors import Invalid, NotFound
from platform_api.cli import main as mcloud
from tests.support.cloud import ONAGAWA, Cloud

ASKED = {"total_yen": 98_765_432, "components": ["equal:25", "population:75"]}
COMMAND = ["report", "shares", "--total", "98765432", "--component", "equal:25", "--component", "population:75"]


def test_the_council_gets_pdf_excel_and_csv(cloud: Cloud) -> None:
    told = cloud.api.shares(ASKED | {"year": 2026})
    assert sum(each["yen"] for each in told["shares"]) == 98_765_432
    assert len(told["shares"]) == 35
    assert {Path(path).suffix for path in told["paths"].values()} == {".pdf", ".xlsx", ".csv"}
    assert all(Path(path).stat().st_size > 1000 for path in told["paths"].values())
    with cloud.platform("040002", "council-secretary") as secretary:
        assert secretary.post("/reports/shares", json=ASKED).status_code == 200
    with cloud.platform(ONAGAWA, "tenant-admin") as admin:
        assert admin.post("/reports/shares", json=ASKED).status_code == 403
    with pytest.raises(NotFound):
        cloud.api.shares(ASKED | {"members": ["011002"]})
    with pytest.raises(Invalid):
        cloud.api.shares(ASKED | {"members": ["041008"]})


def test_the_command_says_the_same_with_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cloud: Cloud
) -> None:
    monkeypatch.setenv("MCLOUD_HOME", str(tmp_path / "nothing"))
    assert mcloud([*COMMAND, "--basis", "census2020", "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told.keys() == {"total_yen", "shares"}
    assert told["shares"] == cloud.api.shares(ASKED)["shares"]
    assert told["shares"][0].keys() == {"code", "name", "yen", "yen_per_head"}


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["civic", "check", "authority", "041009"], 0),
        (["civic", "check", "authority", "041008"], 2),
        (["civic", "check", "my-number", "123456789018"], 0),
        (["civic", "check", "colour", "1"], 1),
        (["civic", "due14", "tomorrow"], 1),
        ([*COMMAND, "--members", "011002"], 3),
        ([*COMMAND, "--members", "041008"], 1),
        (["report", "shares", "--total", "-5", "--component", "equal:100"], 1),
        (["nonsense"], 1),
        (["tenant", "list"], 6),
    ],
)
def test_exit_codes_with_nothing_running(command: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCLOUD_HOME", str(tmp_path / "nothing"))
    from tests.support.cloud import free_ports

    (tmp_path / "nothing").mkdir()
    (tmp_path / "nothing" / "config.yaml").write_text(json.dumps({"ports": free_ports().model_dump()}))
    assert mcloud(command) == code


def test_exit_codes_with_the_cloud(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MCLOUD_HOME", str(cloud.home.path))
    assert mcloud(["tenant", "show", "011002"]) == 3
    assert mcloud(["tenant", "onboard", ONAGAWA, "--synthetic-scale", "1"]) == 4
    assert mcloud(["tenant", "list", "-o", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("code,name,state")
    assert len(lines) == 1 + 36
    assert mcloud(["restore", "plan", "--tenant", ONAGAWA, "-o", "yaml"]) == 0
    assert "base_manifest" in capsys.readouterr().out
    assert mcloud(["doctor", "-o", "json"]) == 0
    assert mcloud(["status", "-o", "json"]) == 0


def test_the_doctor_names_a_town_that_has_no_copy(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mutant: towns without a copy are passed over; 0 of 1 towns would be well."""
    monkeypatch.setenv("MCLOUD_HOME", str(cloud.home.path))
    manifests = cloud.home.manifests(ONAGAWA)
    away = manifests.rename(manifests.with_name("away"))
    try:
        assert mcloud(["doctor", "-o", "json"]) == 1
    finally:
        away.rename(manifests)
    copies = next(each for each in json.loads(capsys.readouterr().out) if each["check"] == "recovery copies")
    assert copies == {
        "check": "recovery copies",
        "ok": False,
        "detail": f"no copy is as young as promised for {ONAGAWA}: `mcloud backup run --tenant CODE`",
    }
