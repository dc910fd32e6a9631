"""Shares to the yen: the worked figures of the plan, and what must hold for any formula."""

import random
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from kit.errors import Invalid
from systems.joint_procurement import rules, service
from systems.joint_procurement.model import Member, Run
from tenants.catalog import municipalities

ALL = [Member(t.code, t.name, t.population.census2020, {}) for t in municipalities()]


def run(total: int, *components: str, members: list[Member] = ALL) -> Run:
    return rules.compute(total, [rules.parse_component(c) for c in components], members, basis="census2020")


def by_name(total: int, *components: str, members: list[Member] = ALL) -> dict[str, int]:
    return {share.name: share.yen for share in run(total, *components, members=members).shares}


WORKED = [
    (("population:100",), {"仙台市": 57_169_726, "石巻市": 7_305_886, "女川町": 335_187, "七ヶ宿町": 65_786}),
    (("equal:20", "population:80"), {"仙台市": 46_421_496, "大崎市": 5_995_749, "大河原町": 1_668_694, "七ヶ宿町": 738_343}),
    (("equal:50", "population:50"), {"仙台市": 30_299_149, "石巻市": 5_367_229, "女川町": 1_881_879}),
    (("population^log2(1.5):100",), {"仙台市": 23_242_521, "石巻市": 6_976_269, "大河原町": 2_458_864}),
]


@pytest.mark.parametrize(("components", "expected"), WORKED)
def test_worked_figures(components: tuple[str, ...], expected: dict[str, int]) -> None:
    found = by_name(120_000_000, *components)
    assert {name: found[name] for name in expected} == expected
    assert sum(found.values()) == 120_000_000


def test_mutant_a_rounded_exponent_moves_yen(monkeypatch: pytest.MonkeyPatch) -> None:
    def rounded(component: object, member: Member) -> Decimal:
        return (Decimal("0.585") * Decimal(member.population).ln()).exp()

    monkeypatch.setattr(rules, "weight", rounded)
    assert by_name(120_000_000, "population^log2(1.5):100")["仙台市"] - 23_242_521 == 2_355


def test_group_of_five() -> None:
    group = [m for m in ALL if m.name in ("大崎市", "色麻町", "加美町", "涌谷町", "美里町")]
    assert list(by_name(40_000_000, "equal:40", "population:60", members=group).values()) == [
        18_843_067, 4_022_880, 5_895_797, 5_090_485, 6_147_771,
    ]  # fmt: skip


def test_yen_per_head_is_cut_off() -> None:
    heads = {share.name: share.yen_per_head for share in run(120_000_000, "equal:20", "population:80").shares}
    assert (heads["七ヶ宿町"], heads["仙台市"]) == (585, 42)


@given(
    st.integers(0, 10**13),
    st.lists(st.sampled_from(ALL), min_size=1, unique_by=lambda member: member.code),
    st.integers(1, 99),
    st.randoms(),
)
def test_shares_sum_to_the_total_whatever_the_order(total: int, members: list[Member], equal: int, rng: random.Random) -> None:
    components = (f"equal:{equal}", f"population:{100 - equal}")
    found = run(total, *components, members=members)
    assert sum(share.yen for share in found.shares) == total
    assert all(share.yen >= 0 for share in found.shares)
    rng.shuffle(members)
    assert run(total, *components, members=members) == found


def test_odd_percentages_are_settled_in_the_order_given() -> None:
    found = rules.compute(100, [rules.parse_component(c) for c in ("equal:33.5", "population:66.5")], ALL, basis="x")
    assert found.part_yen == (34, 66)
    assert rules.apportion(1, [Decimal(50), Decimal(50)]) == [1, 0]


def test_usage_and_fixed() -> None:
    pair = [
        Member("041009", "仙台市", 1, {"accounts": Decimal(30), "fixed": Decimal(0)}),
        Member("042021", "石巻市", 1, {"accounts": Decimal(10), "fixed": Decimal(5)}),
    ]
    assert by_name(1000, "usage:accounts:60", "fixed:40", members=pair) == {"仙台市": 450, "石巻市": 550}
    with pytest.raises(Invalid, match="calls"):
        by_name(1000, "usage:calls:100", members=pair)


@pytest.mark.parametrize(
    "components",
    [
        ("equal:50",),
        ("equal:0", "population:100"),
        ("equal:x",),
        ("people:100",),
        ("equal:101",),
        ("usage::100",),
        ("equal:NaN",),
    ],
)
def test_formulas_that_do_not_fit_are_refused(components: tuple[str, ...]) -> None:
    with pytest.raises(Invalid):
        run(100, *components)


def test_the_report_says_the_same_in_three_forms(tmp_path: Path) -> None:
    found = run(120_000_000, "equal:20", "population:80")
    paths = service.write_report(found, tmp_path, year=2026, name="shares")
    csv = paths["csv"].read_bytes()
    assert csv.startswith(b"\xef\xbb\xbf")
    assert "七ヶ宿町,1262,685714,52629,738343,585" in csv.decode("utf-8-sig")
    rows = CalamineWorkbook.from_path(str(paths["xlsx"])).get_sheet_by_index(0).to_python()
    assert len(rows) == 1 + 35 + 1
    assert rows[-1][-2] == 120_000_000
    assert paths["pdf"].read_bytes().startswith(b"%PDF")
    first = paths["pdf"].read_bytes()
    assert service.write_report(found, tmp_path, year=2026, name="shares")["pdf"].read_bytes() == first
