"""JRN-13 over both sites: a file through the counter, its job, and the base that makes it done. No sign-in is needed for that."""

import csv
import io
from collections.abc import Iterator

import pytest
import yaml

from dr import backup, digest
from infra.targets import local
from kit.civic.codes import resident_code_check_digit
from kit.db import connect
from platform_api import runner
from systems.resident_registry.store import imports as store
from tenants import onboard
from tenants.__main__ import fill
from tenants.catalog import tenant
from tenants.home import Home
from tenants.keyring import tenant_keys, tenant_url
from tenants.work import doors, exchange
from tests.support.cloud import MINAMISANRIKU, free_ports
from tests.support.desk import ROLES, Desk, desk
from tools.__main__ import ensure

CODE = MINAMISANRIKU


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Both sites with their servers, and one town with a register that nobody is in."""
    assert ensure() == 0
    folder = tmp_path_factory.mktemp("sites")
    (folder / "config.yaml").write_text(yaml.safe_dump({"ports": free_ports().model_dump()}))
    made = Home(folder)
    try:
        local.up(made, lambda *_: None, identity=False)
        onboard._database(made, tenant(CODE, made))
        onboard._migrations(made, tenant(CODE, made))
        local.open_accounts(made, CODE)
        backup.init(made, CODE)
        yield made
    finally:
        runner.run(made, "infra.run", ["down"])


@pytest.fixture
def counter(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    ROLES["operator"] = ("registry_operator",)
    keys = tenant_keys(home, CODE)
    with desk(doors(home, CODE).zone) as one:
        monkeypatch.setenv("MCLOUD_DATA_KEY", keys.data_key)
        monkeypatch.setenv("MCLOUD_BLIND_INDEX_KEY", keys.blind_index_key)
        yield one


def states(home: Home) -> list[str]:
    with connect(doors(home, CODE).zone) as tx:
        return [each.state for each in store.recent(tx, 10)]


def file_of(number: int) -> bytes:
    ten = f"{number:010d}"
    row = {
        "世帯番号": f"9{number}", "宛名番号": f"9{number}", "氏名": "架空　移行", "氏名フリガナ": "カクウ　イコウ", "性別": "女",
        "生年月日": "昭和60年1月2日", "続柄": "世帯主", "住民となった年月日": "R2.4.1", "郵便番号": "9860725",
        "住所": "宮城県本吉郡南三陸町志津川1番地1", "住民票コード": f"{ten}{resident_code_check_digit(ten)}",
    }  # fmt: skip
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerows([row.keys(), row.values()])
    return out.getvalue().encode("cp932")


@pytest.mark.proves("JRN-13")
def test_synthetic_residents_count_as_imported_once_the_first_base_holds_them(home: Home) -> None:
    assert fill(home, CODE, 20) is True
    assert fill(home, CODE, 20) is False
    assert states(home) == ["loaded"]
    assert backup.run(home, CODE, base=False, first=True)["kind"] == "base"
    assert states(home) == ["based"]
    assert fill(home, CODE, 20) is False


@pytest.mark.proves("JRN-13", "BAK-1")
def test_a_file_goes_through_the_counter_and_is_done_only_after_its_base(home: Home, counter: Desk) -> None:
    data = {"file": ("a.csv", file_of(4711))}
    assert counter.ask("clerk", "POST", "/imports", files=data).status_code == 403
    uploaded = counter.ask("operator", "POST", "/imports", files=data)
    assert uploaded.status_code == 202
    place = uploaded.headers["location"].removeprefix("/resident-registry")
    assert counter.done("operator", "POST", "/imports", files=data)["unchanged"] is True
    assert exchange(home, CODE)["import"]["state"] == "checked"  # type: ignore[index]
    told = counter.done("operator", "GET", place)
    assert (told["encoding"], told["rows"], told["faults"]) == ("cp932", 1, 0)
    assert backup.run(home, CODE, base=False, first=False)["kind"] == "segments"  # nothing is in the register yet
    counter.done("operator", "POST", f"{place}:choose", json={"rows": "all"})
    assert exchange(home, CODE)["import"]["state"] == "loaded"  # type: ignore[index]
    assert counter.done("operator", "GET", place)["based_at"] is None
    assert backup.run(home, CODE, base=False, first=False)["kind"] == "base"  # forced: nobody asked for one
    assert counter.done("operator", "GET", place)["state"] == "based"
    left = exchange(home, CODE)
    assert (left["changed"], left["import"], left["exports"]) == (False, None, [])


@pytest.mark.proves("JRN-13")
def test_a_copy_made_at_the_other_site_is_equal_and_has_no_scratch(home: Home, counter: Desk) -> None:
    counter.ask("operator", "POST", "/imports", files={"file": ("b.csv", file_of(4712))})
    exchange(home, CODE)
    backup.run(home, CODE, base=False, first=False)
    made = runner.run(home, "dr", ["restore", "--tenant", CODE])
    assert made["rows_different"] == 0
    with connect(tenant_url(home, CODE, "backup")) as tx:
        assert tx.value("SELECT count(*) FROM resident_registry.import_piece") == 1
        assert "resident_registry.import_piece" not in digest.take(tx, "").tables
    with connect(local.postgres(home, "recovery").url(made["database"])) as tx:
        assert tx.value("SELECT count(*) FROM resident_registry.import_piece") == 0
        assert tx.value("SELECT count(*) FROM resident_registry.import_job") == 3
