"""JRN-13 on the live cloud: a file through the counter, its job, and the base that makes it done."""

import csv
import io

import pytest

from kit.civic.codes import resident_code_check_digit
from kit.db import connect
from systems.resident_registry.store import imports as store
from tenants.keyring import tenant_url
from tests.support.cloud import MINAMISANRIKU, ONAGAWA, Cloud


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
def test_synthetic_residents_count_as_imported_once_the_first_base_holds_them(cloud: Cloud) -> None:
    with connect(tenant_url(cloud.home, ONAGAWA, "mynumber")) as tx:
        states = {each.state for each in store.recent(tx, 10)}
    assert states == {"based"}


@pytest.mark.proves("JRN-13", "BAK-1")
def test_a_file_goes_through_the_counter_and_is_done_only_after_its_base(cloud: Cloud) -> None:
    data = file_of(4711)
    with cloud.registry(MINAMISANRIKU, "registry-clerk") as clerk:
        assert clerk.post("/imports", files={"file": ("a.csv", data)}).status_code == 403
    with cloud.registry(MINAMISANRIKU, "registry-operator") as operator:
        uploaded = operator.post("/imports", files={"file": ("a.csv", data)})
        assert uploaded.status_code == 202, uploaded.text
        place = uploaded.headers["location"].removeprefix("/resident-registry")
        again = operator.post("/imports", files={"file": ("b.csv", data)}).json()
        assert (again["id"], again["unchanged"]) == (uploaded.json()["id"], True)
        assert operator.post(f"{place}:choose", json={"rows": "all"}).status_code == 409
        assert cloud.run("tenants", "--tenant", MINAMISANRIKU)["import"]["state"] == "checked"
        told = operator.get(place).json()
        assert (told["encoding"], told["rows"], told["faults"]) == ("cp932", 1, 0)
        assert operator.post(f"{place}:choose", json={"rows": "all"}).status_code == 202
        assert cloud.run("tenants", "--tenant", MINAMISANRIKU)["import"]["state"] == "loaded"
        assert operator.get(place).json()["based_at"] is None
        assert cloud.run("dr", "backup", "--tenant", MINAMISANRIKU)["kind"] == "base"  # forced: nobody asked for one
        assert operator.get(place).json()["state"] == "based"
        left = cloud.run("tenants", "--tenant", MINAMISANRIKU)
        assert (left["changed"], left["import"], left["exports"]) == (False, None, [])
