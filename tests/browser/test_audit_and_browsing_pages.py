"""The audit's list of looks, and browsing from the application to the paper, in a real browser; axe finds nothing."""

import pytest

from tests.browser.test_desk_pages import look
from tests.support.browser import START, Staff, ask, looked_at, press
from tests.support.cloud import ONAGAWA, Cloud

CODE = ONAGAWA


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_audit_sees_its_list_and_a_wrong_month_is_told(staff: Staff, language: str) -> None:
    with staff.at(CODE, "auditor", purpose="operation", java_script_enabled=True, bypass_csp=True) as page:
        page.goto(f"/counter/language/{language}?next={START}")
        wrong = looked_at(page, f"{START}/access-log") + looked_at(page, f"{START}/access-log?month=x")
        page.goto(f"{START}/access-log")
        look(page, f"access-log-{language}")
        page.goto("/counter/language/ja")
    assert wrong == []


def test_browsing_is_applied_for_and_decided_by_another(staff: Staff, cloud: Cloud) -> None:
    town = ask(cloud, "SELECT town FROM resident_registry.household WHERE town <> '' ORDER BY town LIMIT 1")
    with staff.at(CODE, "registry-clerk", "/browsing/new", java_script_enabled=True, bypass_csp=True) as page:
        wrong = looked_at(page, f"{START}/browsing/new")
        page.fill("#applicant", "架空市教育委員会")
        page.fill("#purpose", "就学案内の送付")
        page.check(f"input[name=towns][value='{town}']")
        look(page, "browsing-form")
        press(page, "button[value=check]")
        press(page, "button[value=do]")
        place = page.url
        wrong += looked_at(page, place) + looked_at(page, f"{START}/browsing")
        look(page, "browsing")
    with staff.at(CODE, "registry-supervisor", java_script_enabled=True, bypass_csp=True) as page:
        wrong += looked_at(page, f"{place}/decision")
        page.check("input[name=approved][value=yes]")
        page.fill("#ground", "住民基本台帳法第11条第1項")
        press(page, "button[value=check]")
        press(page, "button[value=do]")
        look(page, "browsing-approved")
        assert "承認" in page.locator("h1").inner_text()
    assert wrong == []
