"""The outside programs: found, named when missing, never half built."""

from pathlib import Path

import pytest

from kit.errors import Unavailable
from tools import programs
from tools.login import one_time_code


def test_a_missing_tool_is_named_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match=r"mvn is missing .*install maven"):
        programs.needed("mvn", "fetches Keycloak")
    monkeypatch.setenv("MCLOUD_CACHE", str(tmp_path))
    for missing in (programs.rest_server, programs.keycloak):
        with pytest.raises(Unavailable, match="make tools"):
            missing()


def test_a_build_that_breaks_off_leaves_nothing_that_looks_finished(tmp_path: Path) -> None:
    folder = tmp_path / "thing-1"
    with pytest.raises(RuntimeError), programs._making(folder, "building thing") as draft:
        assert draft is not None
        (draft / "thing").write_text("half")
        raise RuntimeError
    assert not folder.exists()
    assert [each.name for each in tmp_path.iterdir()] == [".thing-1.lock"]
    with programs._making(folder, "building thing") as draft:
        assert draft is not None
        (draft / "thing").write_text("whole")
    assert (folder / "thing").read_text() == "whole"
    with programs._making(folder, "building thing") as draft:
        assert draft is None


def test_one_time_codes_are_those_of_the_standard() -> None:
    # RFC 6238, appendix B, SHA-1, last six digits
    assert [one_time_code("12345678901234567890", at) for at in (59, 1111111109, 20000000000)] == ["287082", "081804", "353130"]
