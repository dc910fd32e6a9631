"""How a joint cost is shared: components, weights, largest remainder. Pure and exact.

References
----------
均等割 and 人口割: agreements of joint bodies under 地方自治法 art. 252-2.
処理費逓減方式: population times two, charge times 1.5: the charge grows with population to the power of log2(1.5), taken exactly.
Fractions: largest remainder (最大剰余法), office practice.
"""

from collections.abc import Sequence
from decimal import Decimal, localcontext

from kit.errors import Invalid
from systems.joint_procurement.model import Component, Member, Run, Share

EQUAL, POPULATION, DEGRESSIVE, USAGE, FIXED = "equal", "population", "population^log2(1.5)", "usage:", "fixed"
#: digits that weights are computed with: enough that no remainder of a yen amount is decided by rounding
DIGITS = 60


def parse_component(text: str) -> Component:
    """`equal:25`, `population:75`, `population^log2(1.5):100`, `usage:accounts:40`, `fixed:10`.

    Raises
    ------
    Invalid
        Unknown kind, or no percentage above 0 and up to 100.
    """
    kind, _, number = text.rpartition(":")
    try:
        percent = Decimal(number)
    except ArithmeticError:
        raise Invalid(f"component {text}: write KIND:PERCENT") from None
    if kind not in (EQUAL, POPULATION, DEGRESSIVE, FIXED) and not (kind.startswith(USAGE) and len(kind) > len(USAGE)):
        raise Invalid(f"component {text}: the kinds are {EQUAL}, {POPULATION}, {DEGRESSIVE}, {USAGE}<metric>, {FIXED}")
    if not percent.is_finite() or not 0 < percent <= 100:
        raise Invalid(f"component {text}: the percentage lies above 0 and up to 100")
    return Component(kind, percent)


def apportion(total: int, weights: Sequence[Decimal]) -> list[int]:
    """Whole yen in proportion to the weights that sum to the total; what is left goes to the largest remainders.

    Equal remainders are served in the order given.
    """
    with localcontext(prec=DIGITS):
        whole = sum(weights, Decimal(0))
        quotas = [Decimal(total) * weight / whole for weight in weights]
        yen = [int(quota) for quota in quotas]
        order = sorted(range(len(weights)), key=lambda place: (yen[place] - quotas[place], place))
        for place in order[: total - sum(yen)]:
            yen[place] += 1
    return yen


def weight(component: Component, member: Member) -> Decimal:
    """The member's weight in the component."""
    with localcontext(prec=DIGITS):
        if component.kind == EQUAL:
            return Decimal(1)
        if component.kind == POPULATION:
            return Decimal(member.population)
        if component.kind == DEGRESSIVE:
            exponent = Decimal("1.5").ln() / Decimal(2).ln()
            return (exponent * Decimal(member.population).ln()).exp() if member.population else Decimal(0)
        measure = component.kind.removeprefix(USAGE)
        if measure not in member.measures:
            raise Invalid(f"{member.code} {member.name} has no value of {measure}")
        if not member.measures[measure].is_finite() or member.measures[measure] < 0:
            raise Invalid(f"{member.code} {member.name}: {measure} is no amount")
        return member.measures[measure]


def compute(total_yen: int, components: Sequence[Component], members: Sequence[Member], *, basis: str) -> Run:
    """The shares of all members, by code; they sum to the total exactly.

    Raises
    ------
    Invalid
        No member, the same member twice, percentages that do not sum to 100, a negative total, or all weights zero.
    """
    ordered = sorted(members, key=lambda member: member.code)
    if not ordered or len({member.code for member in ordered}) != len(ordered):
        raise Invalid("name at least one member, each once")
    if total_yen < 0:
        raise Invalid("the total is not negative")
    if sum((c.percent for c in components), Decimal(0)) != 100:
        raise Invalid("the percentages of the components do not sum to 100")
    part_yen = apportion(total_yen, [component.percent for component in components])
    columns = []
    for component, yen in zip(components, part_yen, strict=True):
        weights = [weight(component, member) for member in ordered]
        if not any(weights):
            raise Invalid(f"component {component.kind}: nobody has any weight in it")
        columns.append(apportion(yen, weights))
    shares = [
        Share(m.code, m.name, m.population, sum(parts), parts, sum(parts) // m.population if m.population else 0)
        for m, parts in zip(ordered, zip(*columns, strict=True), strict=True)
    ]
    return Run(total_yen, basis, tuple(components), tuple(part_yen), tuple(shares))
