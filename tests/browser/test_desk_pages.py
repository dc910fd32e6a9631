"""Work at the desk in a real browser: a movement sent back is corrected on its page, or withdrawn."""

import os
import re
from pathlib import Path

from playwright.sync_api import Page

from kit.db import connect
from tenants.keyring import tenant_url
from tests.support.browser import Staff, ask, press, violations
from tests.support.cloud import ONAGAWA, Cloud

CODE = ONAGAWA
NUMBER = "379474484458"


def look(page: Page, name: str) -> None:
    """Keep a picture of the page where a person asked for it, with `MCLOUD_PICTURES=folder`."""
    if folder := os.environ.get("MCLOUD_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def entry(page: Page, kana: str, number: str = "") -> str:
    """Enter somebody by the office's own authority, hand it in; address of the movement's page."""
    page.fill("#event_on", "令和8年11月20日")
    page.select_option("#town", index=1)
    page.fill("#lot", "7番地")
    page.fill("#p0-name", "架空 花子")
    page.fill("#p0-kana", kana)
    page.check("input[name=p0-sex][value=female]")
    page.fill("#p0-born_on", "平成2年3月4日")
    page.fill("#p0-relation", "世帯主")
    page.fill("#p0-individual_number", number)
    page.check("input[name=ground_kind][value=fact_check]")
    page.fill("#ground_text", "実態調査による")
    page.fill("#ground_on", "2026-11-19")
    press(page, "button[value=check]")
    return hand_in(page)


def hand_in(page: Page) -> str:
    for alert in page.locator("input[name=confirmed]").all():
        alert.check()
    press(page, "button[value=do]")
    assert page.locator("h1 .tag").inner_text() == "審査待ち"
    return page.url


def send_back(staff: Staff, place: str, why: str) -> None:
    with staff.at(CODE, "registry-supervisor") as page:
        page.goto(place)
        press(page, "text=差戻し >> nth=-1")
        page.fill("#reason", why)
        press(page, "button[value=check]")
        press(page, "button[value=do]")


def test_what_was_sent_back_is_corrected_on_its_page_and_handed_in_again(staff: Staff, cloud: Cloud) -> None:
    with staff.at(CODE, "registry-clerk", "/movements/new/office_entry") as page:
        place = entry(page, "カクウ ハナコ", NUMBER)
    send_back(staff, place, "フリガナを戸籍と照合してください")
    with staff.at(CODE, "registry-clerk", java_script_enabled=True, bypass_csp=True) as page:
        page.goto(place)
        look(page, "returned")
        assert "フリガナを戸籍と照合してください" in page.locator("main").inner_text()
        press(page, "a.button:has-text('修正する')")
        assert page.input_value("#p0-kana") == "カクウ ハナコ"
        assert page.input_value("#event_on") == "令和8年11月20日"
        assert page.input_value("#p0-individual_number") == ""  # mutant: filled in, the number stands in the page
        assert NUMBER not in page.content()
        assert page.is_checked("#p0-number_kept")
        assert violations(page) == []
        look(page, "edit")
        page.fill("#p0-kana", "カクウ ハナミ")
        press(page, "button[value=check]")
        assert "カクウ ハナミ" in page.locator("table.pairs").inner_text()
        assert NUMBER not in page.content()
        look(page, "edit-check")
        assert hand_in(page) == place
    with staff.at(CODE, "registry-supervisor") as page:
        page.goto(place)
        press(page, "a.button:text-is('決裁')")
        press(page, "button[value=do]")
        assert page.locator("h1 .tag").inner_text() in ("決裁済み(通知前)", "完了")
    number = re.sub(".*/", "", place)
    found = "SELECT r.kana FROM resident_registry.resident r JOIN resident_registry.movement m ON r.id = ANY (m.residents) "
    assert ask(cloud, found + "WHERE m.id = %s", number) == "カクウ ハナミ"
    held = "SELECT count(*) FROM resident_registry.individual_number n JOIN resident_registry.movement m "
    assert ask(cloud, held + "ON n.resident_id = ANY (m.residents) WHERE m.id = %s", number) == 1  # mutant: not kept, it is lost


def test_a_form_that_somebody_else_changed_meanwhile_is_refused_with_the_current_version(staff: Staff) -> None:
    with staff.at(CODE, "registry-clerk", "/movements/new/office_entry") as page:
        place = entry(page, "カクウ フユコ")
    send_back(staff, place, "町字を確認")
    with staff.at(CODE, "registry-clerk") as page:
        page.goto(f"{place}/edit")
        with staff.at(CODE, "registry-supervisor", f"{place.split('resident-registry')[1]}/edit") as other:
            other.fill("#lot", "8番地")
            press(other, "button[value=check]")
            hand_in(other)
        page.fill("#lot", "9番地")
        press(page, "button[value=check]")
        told = page.locator("main").inner_text()
        look(page, "stale")
        assert "いまの版は 5 です" in told
        page.goto(place)
        assert "8番地" in page.locator("main").inner_text()  # mutant: without the version the later one wins in silence


def test_a_movement_in_review_is_withdrawn_with_its_reason(staff: Staff, cloud: Cloud) -> None:
    with staff.at(CODE, "registry-clerk", "/movements/new/office_entry") as page:
        place = entry(page, "カクウ アキコ")
        press(page, "text=取下げ >> nth=-1")
        page.fill("#reason", "本人の申出により")
        press(page, "button[value=check]")
        press(page, "button[value=do]")
        assert page.locator("h1 .tag").inner_text() == "取消"
        assert "本人の申出により" in page.locator("main").inner_text()
        look(page, "withdrawn")
    assert ask(cloud, "SELECT state FROM resident_registry.movement WHERE id = %s", re.sub(".*/", "", place)) == "cancelled"


def test_numbers_are_for_their_role_and_each_look_is_recorded(staff: Staff, cloud: Cloud) -> None:
    with connect(tenant_url(cloud.home, CODE, "backup")) as tx:
        one = tx.row(
            "SELECT r.id::text, r.name, r.resident_code FROM resident_registry.resident r "
            "JOIN resident_registry.individual_number n ON n.resident_id = r.id "
            "WHERE r.removed_on IS NULL AND n.in_use AND NOT EXISTS "
            "(SELECT FROM resident_registry.protected d WHERE d.resident_id = r.id) ORDER BY r.id LIMIT 1"
        )
    assert one
    looked = "SELECT count(*) FROM journal.entry WHERE kind = 'access' AND key ->> 'id' = %s AND detail ->> 'act' = %s"
    with staff.at(CODE, "registry-clerk", f"/residents/{one['id']}") as page:
        assert page.locator("text=個人番号の表示").count() == 0
        assert page.goto("/counter/resident-registry/search-by-number").status == 403  # type: ignore[union-attr]
        assert page.goto(f"/counter/resident-registry/residents/{one['id']}/individual-number").status == 403  # type: ignore[union-attr]
    with staff.at(CODE, "number-officer", "/search-by-number", java_script_enabled=True, bypass_csp=True) as page:
        look(page, "number-ask")
        assert violations(page) == []
        page.check("input[value=resident_code]")
        page.fill("#number", "24727059609")
        press(page, "main button")
        told = page.locator("main").inner_text()
        assert "検査数字" in told
        assert page.input_value("#number") == ""
        look(page, "number-wrong")
        page.check("input[value=resident_code]")
        page.fill("#number", str(one["resident_code"]).translate(str.maketrans("0123456789", "０１２３４５６７８９")))
        press(page, "main button")
        assert page.url.endswith(f"/residents/{one['id']}")
        assert page.locator("h1 .name").inner_text() == one["name"]
        before = ask(cloud, looked, one["id"], "individual_number")
        press(page, "text=個人番号の表示")
        assert ask(cloud, looked, one["id"], "individual_number") == before  # mutant: opened before anybody asked for it
        press(page, "main button")
        shown = page.locator("td.code").inner_text()
        assert re.fullmatch(r"\d{4} \d{4} \d{4}", shown)
        assert ask(cloud, looked, one["id"], "individual_number") == before + 1  # mutant: the look without its entry
        assert violations(page) == []
        look(page, "number")
        page.goto("/counter/resident-registry/search-by-number")
        page.check("input[value=individual_number]")
        page.fill("#number", shown.replace(" ", ""))
        press(page, "main button")
        assert page.url.endswith(f"/residents/{one['id']}")
        assert shown.replace(" ", "") not in page.content()
        with connect(tenant_url(cloud.home, CODE, "owner")) as tx:
            tx.execute("UPDATE session.browser SET roles = '{number_officer}' WHERE 'number_officer' = ANY (roles)")
        page.goto("/counter/resident-registry/search-by-number")
        look(page, "number-ask-officer")
        page.check("input[value=individual_number]")
        page.fill("#number", shown.replace(" ", ""))
        press(page, "main button")
        assert page.url.endswith(f"/residents/{one['id']}/individual-number")  # mutant: led to a page for clerks, 403
        assert one["name"] in page.locator("main").inner_text()
        assert page.locator(f"a[href$='/residents/{one['id']}']").count() == 0
        look(page, "number-officer")
