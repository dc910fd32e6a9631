"""R4 what a certificate costs beside its bare page, and against WeasyPrint; JP-5 many at once, none mixed up."""

import html
import io
import json
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.report import Line
from infra.targets.services import Postgres
from kit import journal
from kit.clock import now, today
from kit.db import Database, Tx, connect
from kit.documents import NAME_FONTS, qr_svg, render
from kit.errors import Unavailable
from kit.migrate import migrate
from systems.resident_registry.model.certificates import Certificate, Request
from systems.resident_registry.model.movements import Change
from systems.resident_registry.model.people import Arrival, NewResident, Office, Place
from systems.resident_registry.service import certificates, legal
from systems.resident_registry.service import people as persons

T = TypeVar("T")
OFFICE = Office("045811", "女川町", b"1" * 32, b"2" * 32)
PLACE = Place("9862261", "宮城県牡鹿郡女川町女川浜字大原316番地", "045811")
HOUSEHOLDS, PEERS, CLIENTS = 100, 20, 64
#: certificates of JP-5; the test programme asks for 10,000
AT_ONCE = int(os.environ.get("MCLOUD_BENCH_CERTIFICATES", "10000"))
CANARY = re.compile(r"金糸雀(\d{6})")
ASKED = Request(
    "self",
    form="household",
    name="架空 請求者",
    address="宮城県架空市1番地",
    documents=("passport",),
    with_head_and_relation=True,
)


def measure(postgres: Postgres, folder: Path) -> list[Line]:
    """On a register of its own."""
    with connect(postgres.url("postgres"), autocommit=True) as tx:
        tx.execute("CREATE DATABASE certificates")
    url = postgres.url("certificates")
    journal.install(url)
    migrate(url, "resident_registry", legal.HERE / "migrations")
    journal.seal(url, folder, tenant="045811", signer=Ed25519PrivateKey.generate())
    database = Database(url, max_size=16)
    try:
        return [*_price(database), *_at_once(database)]
    finally:
        database.close()


def _household(tx: Tx, name: str, members: int) -> UUID:
    relations = ["世帯主", "妻", "子", "子"][:members]
    people = [
        NewResident(name=f"{name} {n}", kana="カクウ", sex="male", born_on=date(1980 + n, 1, 2), relation=relation)
        for n, relation in enumerate(relations)
    ]
    because = Change(None, today(), now())
    household = persons.found_household(tx, PLACE, because)
    arrival = Arrival(event_on=today(), filed_on=today(), reason="move_in", previous_address="東京都架空区")
    head, *_ = [persons.enter(tx, OFFICE, each, household, arrival, because) for each in people]
    return head.id


def _issue(database: Database, one: UUID, request: Request = ASKED) -> Certificate:
    with database.transaction("bench") as tx:
        return certificates.issue_certificate(tx, OFFICE, one, request, is_supervisor=False)


def _fetch(database: Database, serial: str) -> bytes:
    with database.transaction("bench") as tx:
        return certificates.certificate_pdf(tx, OFFICE, serial)


def _patiently(act: Callable[[], T]) -> T:
    """What a client does with «try again» (503): it tries again, a minute at most."""
    for _ in range(12):
        try:
            return act()
        except Unavailable:
            time.sleep(0.2)
    return act()


def _cpu(act: Callable[[Any], object], over: Sequence[Any]) -> float:
    """Milliseconds of this process's CPU for each."""
    began = time.process_time()
    for each in over:
        act(each)
    return (time.process_time() - began) / len(over) * 1000


def _price(database: Database) -> list[Line]:
    with database.transaction("bench") as tx:
        people = [_household(tx, f"䶒藤\U000e0103{n}", 4) for n in range(HOUSEHOLDS)]
    _issue(database, people[0])
    issued: list[Certificate] = []
    whole = _cpu(lambda one: issued.append(_issue(database, one)), people)
    # the same pages with other names, so that nothing is remembered from the issue
    bare = [json.loads(json.dumps(each.content).replace("\\u4d92", "\\u658e")) for each in issued]
    pictures = [qr_svg(each["check_url"] + "0") for each in bare]
    template = legal.HERE / "templates" / "certificate_2.typ"

    def page(at: int) -> None:
        render(template, bare[at], inputs={"qr": pictures[at]}, standard="a-2a")

    alone = _cpu(page, range(len(bare)))
    lines = [
        Line("R4 certificate, four persons / its bare page", whole / alone, "≤ 1.6", whole, "ms CPU"),
        Line("R4 certificate besides the bare page", None, "≤ 8 ms", whole - alone, "ms CPU"),
        Line("R4 certificates per core-second", None, "-", 1000 / whole, "/s"),
    ]
    return lines + _peer(bare[:PEERS], whole)


def _peer(contents: Sequence[dict[str, Any]], whole: float) -> list[Line]:
    try:
        from weasyprint import HTML
    except (ImportError, OSError):
        return [Line("R4 WeasyPrint is not here (it needs Pango): not compared", None, "≥ 5", 0, "-")]

    def page(content: dict[str, Any]) -> None:
        HTML(string=_html(content)).write_pdf(pdf_variant="pdf/a-2u")

    page(contents[0])
    peer = _cpu(page, contents)
    return [Line("R4 WeasyPrint, the same page / certificate", peer / whole, "≥ 5", peer, "ms CPU")]


def _html(content: dict[str, Any]) -> str:
    """The certificate's cells and pictures as a page of HTML: the same words, fonts, tables and code."""

    def row(cells: list[dict[str, Any]]) -> str:
        shown = "".join(
            f"<th>{html.escape(c['label'])}</th><td>{html.escape(c.get('reading', ''))} {html.escape(c['value'])}</td>"
            for c in cells
        )
        return f"<table><tr>{shown}</tr></table>"

    rows = "".join(row(each) for unit in content["units"] for each in unit.get("rows", ()))
    common = "".join(row(each) for each in content["common"])
    face = f"@font-face {{ font-family: mj; src: url(file://{NAME_FONTS[0]}) }}"
    style = (
        f"{face} @page {{ size: A4; margin: 15mm }} body {{ font-family: mj }} table {{ width: 100%; border-collapse: collapse }}"
    )
    style += " th, td { border: .5pt solid; padding: 1mm; text-align: left } svg { width: 24mm; height: 24mm }"
    end = f"<p>{content['attestation']}</p><p>{content['issued_on']}</p><p>{content['issuer']} {content['issuer_name']}</p>"
    return (
        f"<html lang=ja><title>x</title><style>{style}</style><h1>{content['title']}</h1>{common}{rows}{end}"
        f"{qr_svg(content['check_url'])}<p>{content['code']} {content['serial']}</p>"
    )


def _at_once(database: Database) -> list[Line]:
    from pypdf import PdfReader

    with database.transaction("bench") as tx:
        people = [_household(tx, f"金糸雀{n:06d}", 1) for n in range(AT_ONCE)]
    gate = threading.Barrier(CLIENTS)
    request = Request("self", name=ASKED.name, address=ASKED.address, documents=ASKED.documents)

    def client(first: int) -> int:
        gate.wait()
        mixed = 0
        for n in range(first, AT_ONCE, CLIENTS):
            issued = _patiently(partial(_issue, database, people[n], request))
            pdf = _patiently(partial(_fetch, database, issued.serial))
            text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
            mixed += set(CANARY.findall(text)) != {f"{n:06d}"}
        return mixed

    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        mixed = sum(pool.map(client, range(CLIENTS)))
    seconds = time.perf_counter() - began
    return [
        Line(f"JP-5 mixed up, of {AT_ONCE:,} by {CLIENTS} clients", None, "0", mixed, "-"),
        Line("JP-5 issued, fetched and read back", None, "20 /s", AT_ONCE / seconds, "/s"),
    ]
