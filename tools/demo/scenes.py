"""The scenes at the counters: what a clerk does, and what is refused."""

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

from kit.clock import today
from tenants.home import Home
from tools.demo.counter import Counter

MINAMISANRIKU = "046060"
ONAGAWA = "045811"
#: two-kanji names tried until one finds between one and fifty people: a clerk narrows a search the same way
TWO_KANJI = ("美咲", "陽菜", "健太", "大輔", "直樹", "恵子", "和子", "清水", "阿部", "三浦", "千葉", "遠藤", "佐藤", "菅原")


def find_person(counter: Counter) -> tuple[str, dict[str, Any]]:
    """The two kanji that found somebody, and the first person found who is free of restrictions."""
    for name in TWO_KANJI:
        response = counter.call("GET", "/residents", params={"name": name})
        if response.status_code == 200:
            for hit in response.json()["residents"]:
                if not hit["restricted"]:
                    return name, hit
    raise RuntimeError("no two kanji of the list find between 1 and 50 residents")


def issue_certificate(counter: Counter, resident: str, folder: Path) -> dict[str, Any]:
    """Issue, fetch the PDF, lay it into `folder`; the answer with `path` and `sha256` of the file."""
    answer = counter.ask("POST", f"/residents/{resident}/certificates", json={"requester": {"kind": "self"}})
    pdf = counter.call("GET", f"/certificates/{answer['serial']}/pdf").content
    path = folder / f"住民票の写し_{answer['serial']}.pdf"
    path.write_bytes(pdf)
    sha256 = hashlib.sha256(pdf).hexdigest()
    again = counter.call("GET", f"/certificates/{answer['serial']}/pdf").content
    return {"serial": answer["serial"], "path": str(path), "sha256": sha256, "equal": again == pdf}


def days() -> tuple[date, date]:
    """Day of the event and day of filing: today."""
    return today(), today()


def other_towns_clerk(home: Home, resident: str) -> dict[str, Any]:
    """A clerk of 女川町 asks for a resident of 南三陸町: not there."""
    response = Counter(home, ONAGAWA, "registry-clerk").call("GET", f"/residents/{resident}")
    return {"what": "女川町の職員が南三陸町の住民を照会", "status": response.status_code}
