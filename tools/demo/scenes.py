"""The scenes at the counters: what a clerk does, and what is refused."""

import hashlib
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from kit.clock import today
from kit.errors import CallerError
from tenants.home import Home
from tools.demo.counter import Counter

MINAMISANRIKU = "046060"
ONAGAWA = "045811"
#: two kanji that a clerk tries, until one finds between one and fifty people; each is written with a rare form in the register
TWO_KANJI = ("葛西", "渡邉", "𠮷田", "山﨑", "𣘺本")


def find_person(counter: Counter) -> tuple[str, list[dict[str, Any]]]:
    """The two kanji that found somebody, and the residents found who are free of restrictions."""
    for name in TWO_KANJI:
        response = counter.call("POST", "/residents/search", json={"name": name})
        free = [hit for hit in response.json()["residents"] if not hit["restricted"]] if response.status_code == 200 else []
        if len(free) > 1:
            return name, free
    raise CallerError("no two kanji of the list find between 1 and 50 residents")


def issue_certificate(counter: Counter, resident: str, folder: Path) -> dict[str, Any]:
    """Issue a 住民票の写し, fetch its PDF into `folder`; serial, path and hash."""
    folder.mkdir(parents=True, exist_ok=True)
    asker = {"kind": "self", "name": "窓口 来庁者", "address": "宮城県本吉郡南三陸町志津川", "documents": ["my_number_card"]}
    asked = {"requester": asker, "form": "household", "with_head_and_relation": True}
    issued = counter.ask("POST", f"/residents/{resident}/certificates", json=asked)
    pdf = counter.call("GET", f"/certificates/{issued['serial']}/pdf").content
    path = folder / f"certificate-{issued['serial']}.pdf"
    path.write_bytes(pdf)
    sha256 = hashlib.sha256(pdf).hexdigest()
    return {"serial": issued["serial"], "path": str(path), "sha256": sha256, "equal": sha256 == issued["pdf_sha256"]}


def register_move_in(counter: Counter) -> dict[str, Any]:
    """A household of two moves in from 仙台市."""
    people = [
        {"name": "庄子\u3000湊", "kana": "ショウジ\u3000ミナト", "sex": "male", "born_on": "1994-05-06", "relation": "世帯主"},
        {"name": "庄子\u3000紬", "kana": "ショウジ\u3000ツムギ", "sex": "female", "born_on": "1996-02-29", "relation": "妻"},
    ]
    details = {
        "reason": "move_in",
        "place": {"postal_code": "9860725", "address": "宮城県本吉郡南三陸町志津川1番地1"},
        "previous": {"address": "宮城県仙台市青葉区本町3丁目8番1号", "authority_code": "041017"},
        "certificate": "paper",
        "people": people,
    }
    return decide(counter, details, today() - timedelta(days=3))


def decide(counter: Counter, details: dict[str, Any], event_on: date) -> dict[str, Any]:
    """Enter a movement and decide it at once, as a counter may with ordinary ones."""
    filing = {
        "event_on": str(event_on),
        "details": details,
        "up_to": "decided",
        "confirmed": ["same-person", "resident-code-drawn"],
    }
    return counter.ask("POST", "/movements", json=filing, headers={"Idempotency-Key": uuid4().hex})


def register_birth(counter: Counter, parent: str) -> dict[str, Any]:
    """A child is born into the household of `parent`."""
    household = counter.ask("GET", f"/residents/{parent}")["household_id"]
    child = {"name": "庄子\u3000葵", "kana": "ショウジ\u3000アオイ", "sex": "female", "born_on": str(today()), "relation": "子"}
    return decide(counter, {"reason": "birth", "household_id": household, "child": child, "parents": [parent]}, today())


def other_towns_clerk(home: Home, resident: str) -> dict[str, Any]:
    """A clerk of 女川町 asks for a resident of 南三陸町: not there."""
    response = Counter(home, ONAGAWA, "registry-clerk", purpose="inquiry").call("GET", f"/residents/{resident}")
    return {"what": "女川町の職員が南三陸町の住民を照会", "status": response.status_code}


def refused_party(home: Home, clerk: Counter, resident: str) -> dict[str, Any]:
    """A resident asks for protection (支援措置), which holds from the application on; the other party's request is refused."""
    officer = Counter(home, clerk.code, "dv-officer", purpose="notification")
    officer.ask("POST", "/support-cases", json={"applicant": resident, "kind": "A", "opponent": {"name": "三浦\u3000茂"}})
    requester: dict[str, Any] = {
        "kind": "third_party",
        "name": "三浦\u3000茂",
        "address": "宮城県仙台市青葉区",
        "ground": "債権の回収",
    }
    requester |= {"documents": ["driving_licence"]}
    response = clerk.call("POST", f"/residents/{resident}/certificates", json={"requester": requester})
    return {"what": "支援措置の相手方が住民票の写しを請求", "status": response.status_code}
