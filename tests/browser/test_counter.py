"""The counter in a real browser: keyboard, no script, paper, two languages, whose session it is."""

import io
import re
import unicodedata
from datetime import date
from typing import Any

import pytest
from playwright.sync_api import Page
from pypdf import PdfReader

from kit.civic.dates import wareki
from kit.db import connect
from systems.resident_registry.pages import movement_forms as forms
from tenants.keyring import tenant_url
from tests.support.browser import A4, START, Staff, ask, looked_at, press, sign_in, violations
from tests.support.cloud import MINAMISANRIKU, ONAGAWA, Cloud

CODE = ONAGAWA


@pytest.fixture(scope="module")
def somebody(cloud: Cloud) -> dict[str, Any]:
    """A resident without protective measures."""
    with connect(tenant_url(cloud.home, CODE, "backup")) as tx:
        found = tx.row(
            "SELECT id::text, household_id::text, name, kana, born_on FROM resident_registry.resident r WHERE removed_on IS NULL "
            "AND NOT EXISTS (SELECT FROM resident_registry.protected d JOIN resident_registry.resident m "
            "ON m.id = d.resident_id WHERE m.household_id = r.household_id) ORDER BY id LIMIT 1"
        )
    assert found
    return found


def search(page: Page, **texts: str) -> None:
    page.goto(f"{START}/search")
    for name in ("name", "kana", "born_on", "address"):
        page.fill(f"#{name}", texts.get(name, ""))
    press(page, "text=検索する")


def found(page: Page) -> list[str]:
    return [str(link.get_attribute("href")) for link in page.locator("tbody a.name").all()]


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus, and see that the focus shows."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.locator(f"{selector}:focus")
        if focused.count():
            assert focused.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
            return
    raise AssertionError(f"Tab does not reach {selector}")


def enter(page: Page) -> None:
    """Press Enter where it leads to another page, and wait for that page."""
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_by_keyboard_alone_from_search_to_certificate(staff: Staff, somebody: dict[str, Any]) -> None:
    with staff.at(CODE, "registry-clerk", purpose="certificate", java_script_enabled=True) as page:
        page.keyboard.press("Tab")
        assert page.locator(".skip:focus").count() == 1
        page.keyboard.press("Enter")
        page.goto(f"{START}/search")
        tab_to(page, "#kana")
        page.keyboard.type(somebody["kana"].split("\u3000")[0])
        tab_to(page, "#born_on")
        page.keyboard.type(wareki(somebody["born_on"]))
        enter(page)
        tab_to(page, f"a[href$='{somebody['id']}']")
        enter(page)
        tab_to(page, "a[href$='/certificate']")
        enter(page)
        tab_to(page, "input[name=requester]")
        page.keyboard.press("Space")
        tab_to(page, "#name")
        page.keyboard.type("䶒藤 花子")
        tab_to(page, "#address")
        page.keyboard.type("宮城県牡鹿郡女川町女川1番地1")
        tab_to(page, "input[value=driving_licence]")
        page.keyboard.press("Space")
        enter(page)
        tab_to(page, "button[value=do]")
        enter(page)
        page.wait_for_url(re.compile(r"/certificates/\d{6}-\d{4}-\d+"))
        serial = page.url.rsplit("/", 1)[1]
        pdf = page.context.request.get(f"{START}/certificates/{serial}/pdf").body()
    assert pdf.startswith(b"%PDF")


def test_dates_and_kana_are_taken_in_any_width_and_calendar(staff: Staff, somebody: dict[str, Any]) -> None:
    born: date = somebody["born_on"]
    wide = str.maketrans("0123456789-", "０１２３４５６７８９－")
    with staff.at(CODE, "registry-clerk") as page:
        hits = []
        for written in (str(born), str(born).translate(wide), wareki(born), wareki(born).translate(wide), f"{born:%Y%m%d}"):
            search(page, born_on=written)
            hits.append(found(page))
        assert f"{START}/residents/{somebody['id']}" in hits[0]
        assert hits == [hits[0]] * 5
        search(page, born_on="令和8年2月30日")
        assert page.locator(".errors a").inner_text().endswith("その日付は暦にありません。")
        assert page.title().startswith("入力エラー")
        page.click(".errors a")
        assert page.url.endswith("#born_on")


def test_names_searched_for_stand_in_no_address(staff: Staff, somebody: dict[str, Any]) -> None:
    with staff.at(CODE, "registry-clerk") as page:
        search(page, name=somebody["name"].split("\u3000")[0], born_on=str(somebody["born_on"]))
        assert page.url.endswith("/search")
        press(page, "tbody a.name >> nth=0")
        page.go_back()
        assert found(page)  # going back shows the list again, and sends nothing twice


def test_before_a_purpose_is_chosen_nothing_personal_is_shown(staff: Staff, somebody: dict[str, Any], cloud: Cloud) -> None:
    with staff.at(MINAMISANRIKU, "registry-clerk", purpose=None) as page:
        page.goto(f"{START}/search")
        assert "/purpose?next=" in page.url
        page.goto(f"{START}/residents/{somebody['id']}")
        assert "/purpose?next=" in page.url
        page.check("input[value=inquiry]")
        press(page, "main button")
        assert page.locator("h1").inner_text() == "見つかりません。"  # another town's resident


PAGES = (
    "", "/purpose", "/search", "/residents/{id}", "/households/{household_id}", "/residents/{id}/certificate", "/nowhere",
    "/residents/{id}/movements", "/residents/{id}/movements/move_out", "/movements", "/movements/new", "/movements/new/move_in",
    "/residents/{id}/history", "/households/{household_id}/history", "/register", "/certificates",
    "/disposal-certificate", "/residents/{id}/stops", "/residents/{id}/stop", "/measures", "/residents/{id}/measure",
)  # fmt: skip


@pytest.mark.parametrize("language", ["ja", "en"])
def test_axe_finds_nothing_on_any_page(staff: Staff, somebody: dict[str, Any], language: str) -> None:
    wrong = []
    with staff.at(CODE, "registry-supervisor", java_script_enabled=True, bypass_csp=True) as page:
        search(page, kana=somebody["kana"].split("\u3000")[0], born_on=str(somebody["born_on"]))
        page.goto(f"/counter/language/{language}?next={START}")
        assert page.locator("html").get_attribute("lang") == language
        for path in PAGES:
            wrong += looked_at(page, START + path.format(**somebody))
        page.goto(f"{START}/movements/new/move_in")
        press(page, "button[value=check]")
        assert page.locator(".errors a").count() > 5
        wrong += violations(page)
        page.goto(f"{START}/residents/{somebody['id']}/stop")
        for name in ("kind", "acts", "override"):
            page.check(f"input[name={name}] >> nth=0")
        page.fill("#message", "確認中")
        press(page, "button[value=check]")
        wrong += violations(page)
        page.goto("/counter/language/ja")
    assert wrong == []


@pytest.mark.parametrize("reason", [each for each, sheet in forms.SHEETS.items() if not sheet.removed])
def test_axe_finds_nothing_on_the_form_of_any_movement(staff: Staff, somebody: dict[str, Any], reason: str) -> None:
    where = "/movements/new" if forms.SHEETS[reason].joins else f"/residents/{somebody['id']}/movements"
    with staff.at(CODE, "registry-supervisor", java_script_enabled=True, bypass_csp=True) as page:
        wrong = looked_at(page, f"{START}{where}/{reason}")
        press(page, "button[value=check]")  # with every error that an empty form has
        wrong += violations(page)
    assert wrong == []


def test_axe_finds_nothing_on_a_certificates_page_and_a_numbers(staff: Staff, somebody: dict[str, Any], cloud: Cloud) -> None:
    asker = {"kind": "self", "name": somebody["name"], "address": "宮城県牡鹿郡女川町", "documents": ["my_number_card"]}
    with cloud.registry(CODE, purpose="certificate") as office:
        issued = office.post(f"/residents/{somebody['id']}/certificates", json={"requester": asker, "form": "individual"})
    assert issued.status_code == 201, issued.text
    with staff.at(CODE, "registry-clerk", purpose="certificate", java_script_enabled=True, bypass_csp=True) as page:
        wrong = looked_at(page, f"{START}/certificates/{issued.json()['serial']}")
    with staff.at(CODE, "number-officer", java_script_enabled=True, bypass_csp=True) as page:
        wrong += looked_at(page, f"{START}/residents/{somebody['id']}/individual-number")
    assert wrong == []


def test_mutant_a_field_without_its_label_is_found(staff: Staff) -> None:
    with staff.at(CODE, "registry-clerk", "/search", java_script_enabled=True, bypass_csp=True) as page:
        page.evaluate("document.querySelector('label[for=kana]').remove()")
        assert any("label" in each for each in violations(page))


def test_lists_and_records_print_on_a4(staff: Staff, somebody: dict[str, Any]) -> None:
    with staff.at(CODE, "registry-clerk", purpose="inquiry") as page:
        search(page, kana=somebody["kana"].split("\u3000")[0])
        for path in ("/search", f"/residents/{somebody['id']}", f"/households/{somebody['household_id']}"):
            page.goto(START + path)
            sheets = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True))).pages
            for sheet in sheets:
                assert (float(sheet.mediabox.width), float(sheet.mediabox.height)) == pytest.approx(A4, abs=1)
                text = unicodedata.normalize("NFKC", sheet.extract_text())  # the font's maps name radicals
                assert "registry-clerk" in text  # who printed it, when, and which sheet it is: on every sheet
                assert "女川町" in text
                assert re.search(rf"\d ?/ ?{len(sheets)}", text)
            assert "サインアウト" not in sheets[0].extract_text()


def test_a_session_that_ran_out_keeps_the_work(staff: Staff, cloud: Cloud, somebody: dict[str, Any]) -> None:
    with staff.at(CODE, "registry-clerk", f"/residents/{somebody['id']}/certificate") as page:
        page.check("input[value=representative]")
        page.fill("#name", "䶒藤 花子")
        with connect(tenant_url(cloud.home, CODE, "owner"), actor="test") as tx:
            tx.execute("UPDATE session.browser SET seen_at = seen_at - interval '16 minutes'")
        press(page, "button[value=check]")
        sign_in(page, cloud.home, CODE, "registry-clerk")
        assert page.locator("h1").inner_text() == "作業の続き"
        press(page, "button[value=edit]")
        assert page.input_value("#name") == "䶒藤 花子"
        assert page.is_checked("input[value=representative]")
    staff.forget(CODE, "registry-supervisor")  # their session ran out with it


def test_a_movement_from_its_form_to_its_decision_by_two_officers(staff: Staff, cloud: Cloud) -> None:
    with staff.at(CODE, "registry-clerk", "/movements/new/office_entry") as page:
        page.fill("#event_on", "Ｒ８．１１．２０")
        page.select_option("#town", index=1)
        page.fill("#lot", "１番地2")
        page.fill("#p0-name", "䶒藤\U000e0103 太朗\U000e0105")
        page.fill("#p0-kana", "ｺﾞﾄｳ ﾀﾛｳ")
        page.check("input[name=p0-sex][value=male]")
        page.fill("#p0-born_on", "昭和２５年１月２日")
        page.fill("#p0-relation", "世帯主")
        page.check("input[name=ground_kind][value=fact_check]")
        page.fill("#ground_text", "実態調査による")
        page.fill("#ground_on", "20261119")
        press(page, "button[value=check]")
        shown = page.locator("table.pairs").inner_text()
        assert "ゴトウ タロウ" in shown
        assert "令和8年11月20日" in shown
        for alert in page.locator("input[name=confirmed]").all():
            alert.check()
        press(page, "button[value=do]")
        number, place = page.locator("td.code").first.inner_text(), page.url
        press(page, "a.button:text-is('決裁')")
        press(page, "button[value=do]")
        assert "別の決裁者" in page.locator("main").inner_text() or "審査担当者" in page.locator("main").inner_text()
    assert ask(cloud, "SELECT state FROM resident_registry.movement WHERE number = %s", number) == "review"
    with staff.at(CODE, "registry-supervisor", "/movements") as page:
        assert number in page.locator("table").inner_text()
        page.goto(place)
        press(page, "a.button:text-is('決裁')")
        press(page, "button[value=do]")
        assert page.locator("h1 .tag").inner_text() in ("決裁済み(通知前)", "完了")
        press(page, "td a.name >> nth=0")
        assert page.locator("h1 .name").inner_text() == "䶒藤\U000e0103 太朗\U000e0105"
        assert "1番地2" in page.locator("table.pairs").inner_text() or "１番地2" in page.locator("table.pairs").inner_text()


def test_the_realm_is_asked_again_after_five_minutes(staff: Staff, cloud: Cloud) -> None:
    """With Keycloak's own refresh token, which serves once, and the two factors still named in the new token."""
    with staff.at(CODE, "registry-clerk") as page:
        for _ in range(2):
            with connect(tenant_url(cloud.home, CODE, "owner"), actor="test") as tx:
                tx.execute("UPDATE session.browser SET verified_until = now() - interval '1 second'")
            page.goto(f"{START}/search")
            assert page.locator("h1").inner_text() == "住民の検索"
        assert ask(cloud, "SELECT bool_or(verified_until > now()) FROM session.browser WHERE name = 'registry-clerk'")


def test_forms_of_others_and_foreign_sessions_are_refused(staff: Staff, somebody: dict[str, Any]) -> None:
    with staff.at(CODE, "registry-clerk") as page:
        form = {"requester": "self", "form": "individual", "copies": "1", "step": "do", "key": "k"}
        path = f"{START}/residents/{somebody['id']}/certificate"
        assert page.context.request.post(path, form=form).status == 403
        cookie = next(each for each in page.context.cookies() if each["name"] == f"mcloud-{CODE}-mynumber")
        assert cookie["httpOnly"]
    theirs = {"Cookie": f"mcloud-{MINAMISANRIKU}-mynumber={cookie['value']}; mcloud-{CODE}-mynumber={cookie['value']}"}
    request = staff.browser.new_context().request
    answer = request.get(staff.origin(MINAMISANRIKU) + START, headers=theirs, max_redirects=0)
    assert (answer.status, answer.headers["location"]) == (303, f"/counter/sign-in?next={START}")
    away = request.get(staff.origin(CODE) + "/counter/sign-in?next=//evil.example", max_redirects=0)
    assert "evil" not in away.headers["location"] + away.headers["set-cookie"]


def test_signing_out_ends_it_at_the_realm_too(staff: Staff) -> None:
    with staff.at(MINAMISANRIKU, "registry-supervisor", purpose=None) as page:
        press(page, "text=サインアウト >> nth=-1")
        # the realm leads back only when it knew the session and the address
        assert page.url == staff.origin(MINAMISANRIKU) + "/counter/signed-out"
        assert page.locator("h1").inner_text() == "サインアウトしました"
        page.goto("/counter")
        assert page.locator("#password").count() == 1
    staff.forget(MINAMISANRIKU, "registry-supervisor")
