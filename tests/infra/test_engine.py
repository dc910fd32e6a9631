"""Where the engine's state lies."""

from pathlib import Path

import pytest

from infra import engine, state
from tenants.home import Home


@pytest.mark.parametrize(
    ("told", "folder"),
    [
        ("", "{instance}/land/state"),
        ("file://~", "{home}"),
        ("file://~/states", "{home}/states"),
        ("file://states/../here", "{home}/work/here"),
        ("file:///srv/states?no_tmp_dir=true", "/srv/states"),
    ],
)
def test_a_folder_is_named_absolutely_and_read_where_the_engine_writes(
    told: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PULUMI_BACKEND_URL", told)
    home = Home(tmp_path / "instance")
    place = folder.format(instance=home.path, home=tmp_path)
    assert engine.backend(home).partition("?")[0] == f"file://{place}"
    assert engine.state_folder(home) == Path(place) / ".pulumi"


def test_another_place_is_left_as_it_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://states?region=ap-northeast-1")
    assert engine.backend(Home(tmp_path)) == "s3://states?region=ap-northeast-1"
    assert state.file_of(Home(tmp_path), "site-primary") is None
