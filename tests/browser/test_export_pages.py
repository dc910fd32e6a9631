"""Packs of everything, in a real browser: asked for by one, released by another, fetched by either, and recorded."""

import io

import pytest
from playwright.sync_api import Page

from systems.resident_registry.service.exports import check_pack
from tenants.__main__ import exchange
from tests.browser.test_exchange_pages import confirmed, downloaded
from tests.support.browser import START, Staff, ask, looked_at, press
from tests.support.cloud import ONAGAWA, Cloud

CODE = ONAGAWA
OPERATOR, SUPERVISOR = "registry-operator", "registry-supervisor"
HANDED_OUT = "SELECT count(*) FROM journal.entry WHERE detail ->> 'act' = 'export handed out' AND purpose = 'operation'"


def request(page: Page, *, ground: str, encoding: str = "utf-8-sig", with_numbers: bool = False) -> str:
    """Ask for a pack; its page's address."""
    page.goto(f"{START}/exports/new")
    page.fill("#ground", ground)
    page.check(f"input[value={encoding}]")
    if with_numbers:
        page.check("#with_numbers")
    confirmed(page)
    assert "承認待ち" in page.locator("h1").inner_text()
    return page.url


def decide(page: Page, address: str, decision: str, *, with_protected: bool = False) -> None:
    page.goto(f"{address}/decision")
    page.check(f"input[value={decision}]")
    if with_protected:
        page.check("#with_protected")
    press(page, "button[value=check]")


def test_a_pack_is_released_by_another_and_each_hand_out_is_recorded(staff: Staff, cloud: Cloud) -> None:
    """Mutant: `service.hand_out` without its record."""
    with staff.at(CODE, OPERATOR, "/exports/new", purpose="operation") as page:
        press(page, "button[value=check]")
        assert "出力する理由: 入力してください。" in page.locator(".errors").inner_text()
        address = request(page, ground="標準化のための移行(試験)", encoding="cp932")
        assert page.context.request.get(f"{address}/decision").status == 403
        assert page.context.request.get(f"{address}/pack").status == 409
    with staff.at(CODE, SUPERVISOR, purpose="operation") as page:
        page.goto(address)
        press(page, "text=承認又は却下する")
        decide(page, address, "release")
        assert "標準化のための移行" in page.locator(".subject").inner_text()
        assert (
            ask(cloud, "SELECT state FROM resident_registry.export_job WHERE id::text = %s", address.split("/")[-1])
            == "requested"
        )
        press(page, "button[value=do]")
        assert "作成待ち" in page.locator("h1").inner_text()
    exchange(cloud.home, CODE)
    before = ask(cloud, HANDED_OUT)
    with staff.at(CODE, OPERATOR, purpose="operation") as page:
        page.goto(address)
        assert "residents.csv" in page.locator("thead + tbody").inner_text()
        manifest = check_pack(io.BytesIO(downloaded(page, f"{address}/pack")))
        assert (manifest["encoding"], manifest["with_individual_numbers"], manifest["with_protected_places"]) == (
            "cp932", False, False,
        )  # fmt: skip
        assert ask(cloud, HANDED_OUT) == before + 1
        press(page, "text=ファイルを消す")
        press(page, "button[value=do]")
        assert "消去済み" in page.locator("h1").inner_text()
        assert page.context.request.get(f"{address}/pack").status == 409


def test_whoever_asked_does_not_decide(staff: Staff) -> None:
    """Mutant: `service.decide` without its check of who asked."""
    with staff.at(CODE, "registry-releaser", purpose="operation") as page:
        address = request(page, ground="自分の請求(試験)")
        assert page.locator("text=承認又は却下する").count() == 0
        decide(page, address, "release")
        assert "自分の請求を決定できません" in page.locator(".errors").inner_text()


def test_nobody_releases_numbers_or_places_without_the_role_for_them(staff: Staff) -> None:
    with staff.at(CODE, OPERATOR, purpose="operation") as page:
        address = request(page, ground="番号つき(試験)", with_numbers=True)
    with staff.at(CODE, SUPERVISOR, purpose="operation") as page:
        decide(page, address, "release")
        assert "個人番号の担当だけです" in page.locator(".errors").inner_text()
        decide(page, address, "refuse")
        press(page, "button[value=do]")
        assert "却下" in page.locator("h1").inner_text()
        decide(page, address, "release")
        assert "この出力は決定済みです" in page.locator(".errors").inner_text()


def test_packs_go_to_their_roles_and_need_a_purpose(staff: Staff) -> None:
    with staff.at(CODE, "registry-clerk", purpose="operation") as page:
        for path in ("exports", "exports/new"):
            assert page.context.request.get(f"{START}/{path}").status == 403, path
    with staff.at(CODE, SUPERVISOR, purpose="operation") as page:
        assert page.context.request.get(f"{START}/exports/new").status == 403


@pytest.mark.parametrize("language", ["ja", "en"])
def test_axe_finds_nothing(staff: Staff, cloud: Cloud, language: str) -> None:
    wrong = []
    with staff.at(CODE, OPERATOR, purpose="operation") as page:
        address = request(page, ground="画面の検査(試験)")
    places = ["exports", f"exports/{address.split('/')[-1]}", f"exports/{address.split('/')[-1]}/decision"]
    with staff.at(CODE, SUPERVISOR, purpose="operation", java_script_enabled=True, bypass_csp=True) as page:
        page.goto(f"/counter/language/{language}?next={START}")
        for place in places:
            wrong += looked_at(page, f"{START}/{place}")
        page.goto("/counter/language/ja")
    assert wrong == []
