"""Disposal in a real browser: what is due, proposed by one, approved by another, carried out, certified on paper."""

import io
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pypdf import PdfReader

from kit.civic.dates import wareki
from kit.clock import today
from kit.db import connect
from tenants.keyring import tenant_url
from tests.browser.test_exchange_pages import confirmed
from tests.support.browser import A4, START, Staff, ask, looked_at, press
from tests.support.cloud import ONAGAWA, Cloud

CODE = ONAGAWA
SUPERVISOR, OTHER = "registry-supervisor", "registry-releaser"
GONE, HELD = "架空　廃棄", "架空　保留"


def old_record(tx: Any, name: str, number: str) -> Any:
    """A record removed on 2014-06-19, in the place of somebody who lives here."""
    return tx.value(
        """INSERT INTO resident_registry.resident SELECT (jsonb_populate_record(r, jsonb_build_object('id', %s::text,
               'atena_no', %s::text, 'name', %s::text, 'state', 'dead', 'removed_on', '2014-06-19', 'born_on', '1930-02-03',
               'became_resident_on', '1990-01-01', 'removed_place', '{"address": "女川町"}'::jsonb))).*
           FROM resident_registry.resident r WHERE removed_on IS NULL ORDER BY id LIMIT 1 RETURNING id""",
        (str(uuid4()), number, name),
    )


@pytest.fixture(scope="module")
def due(cloud: Cloud) -> Iterator[None]:
    """Two records whose period is over, one of them under a legal hold; what is left of them goes at the end."""
    with connect(tenant_url(cloud.home, CODE, "owner"), actor="test") as tx:
        old_record(tx, GONE, "999999999999901")
        held = old_record(tx, HELD, "999999999999902")
        tx.execute("INSERT INTO resident_registry.legal_hold VALUES (%s, %s, '訴訟', %s)", (uuid4(), held, today()))
    yield
    with connect(tenant_url(cloud.home, CODE, "owner"), actor="test") as tx:
        tx.execute("DELETE FROM resident_registry.legal_hold WHERE resident_id = %s", (held,))
        tx.execute("DELETE FROM resident_registry.resident WHERE name IN (%s, %s)", (GONE, HELD))


def test_a_record_goes_by_two_officers_and_leaves_its_certificate(staff: Staff, cloud: Cloud, due: None) -> None:
    """Mutant: `service.approve` without its check of who proposed; `service.due_records` without its record of the look; both
    seen failing.
    """
    looks = "SELECT count(*) FROM journal.entry WHERE kind = 'access' AND detail ->> 'list' = 'disposal_due'"
    before = ask(cloud, looks)
    there = "SELECT count(*) FROM resident_registry.resident WHERE name = %s"
    with staff.at(CODE, SUPERVISOR, "/disposals", purpose="operation") as page:
        assert "法的保留" in page.locator("tr", has_text=HELD).inner_text()
        assert ask(cloud, looks) - before == page.locator("table").first.locator("tbody tr").count() >= 2
        press(page, "text=除票の廃棄を提案する")
        page.fill("#ground", "保存期間満了(試験)")
        confirmed(page)
        assert "承認待ち" in page.locator("h1").inner_text()
        address = page.url
        assert page.locator("a.button:has-text('承認する')").count() == 0
        page.goto(f"{address}/approval")
        press(page, "button[value=do]")
        assert "別の決裁者が必要です" in page.locator(".errors").inner_text()
        assert (
            ask(cloud, "SELECT state FROM resident_registry.disposal WHERE id::text = %s", address.split("/")[-1]) == "proposed"
        )
    with staff.at(CODE, OTHER, purpose="operation") as page:
        page.goto(address)
        press(page, "a.button:has-text('承認する')")
        press(page, "button[value=do]")
        assert ask(cloud, there, GONE) == 1
        press(page, "a.button:has-text('廃棄する')")
        press(page, "button[value=do]")
        assert ask(cloud, there, GONE) == 0
        assert ask(cloud, there, HELD) == 1
        assert "廃棄の証明" in page.locator("h1").inner_text()
        assert GONE not in page.content()
        sheets = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True))).pages
        assert len(sheets) == 1
        assert (float(sheets[0].mediabox.width), float(sheets[0].mediabox.height)) == pytest.approx(A4, abs=1)


def test_the_certificate_for_the_person_names_the_day_of_the_disposal(staff: Staff, cloud: Cloud, due: None) -> None:
    """After the test above."""
    if ask(cloud, "SELECT count(*) FROM resident_registry.disposed_record WHERE atena_no = '999999999999901'") == 0:
        pytest.skip("nothing was disposed of in this run")
    with staff.at(CODE, "registry-clerk", "/disposal-certificate", purpose="certificate") as page:
        page.check("input[value=third_party]")
        texts = {"name": "架空　相続", "address": "仙台市青葉区", "ground": "相続手続", "subject_name": GONE}
        texts |= {"subject_born_on": "S5.2.3", "subject_address": "女川町", "removed_on": "H26.6.19"}
        for name, text in texts.items():
            page.fill(f"#{name}", text)
        page.check("input[value=driving_licence]")
        confirmed(page)
        answer = page.context.request.get(page.get_attribute("a[href$='/pdf']", "href") or "")
        sheets = PdfReader(io.BytesIO(answer.body())).pages
        assert f"廃棄年月日{wareki(today())}" in "".join(sheets[0].extract_text().split())


def test_disposal_goes_to_its_role_and_unknown_things_are_not_found(staff: Staff) -> None:
    with staff.at(CODE, "registry-clerk", purpose="operation") as page:
        for path in ("disposals", "disposals/new/removed_records"):
            assert page.context.request.get(f"{START}/{path}").status == 403, path
    with staff.at(CODE, SUPERVISOR, purpose="operation") as page:
        for path in ("disposals/new/nothing", f"disposals/{uuid4()}", f"disposals/{uuid4()}/nothing"):
            assert page.context.request.get(f"{START}/{path}").status == 404, path


@pytest.mark.parametrize("language", ["ja", "en"])
def test_axe_finds_nothing(staff: Staff, cloud: Cloud, due: None, language: str) -> None:
    made = ask(cloud, "SELECT id::text FROM resident_registry.disposal WHERE state = 'disposed' LIMIT 1")
    places = ["disposals", "disposals/new/filing_papers"]
    places += [f"disposals/{made}", f"disposals/{made}/carrying-out"] if made else []
    wrong = []
    with staff.at(CODE, SUPERVISOR, purpose="operation", java_script_enabled=True, bypass_csp=True) as page:
        page.goto(f"/counter/language/{language}?next={START}")
        for place in places:
            wrong += looked_at(page, f"{START}/{place}")
        page.goto("/counter/language/ja")
    assert wrong == []
