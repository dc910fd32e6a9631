"""Cost shares of the municipalities; works with nothing running."""

from pathlib import Path

from kit.civic.codes import check_authority_code
from kit.errors import Invalid
from platform_api.shapes import ShareOut, SharesOut, SharesRequest
from systems.joint_procurement import rules, service
from systems.joint_procurement.model import Member
from tenants.catalog import municipalities, tenant
from tenants.home import PREFECTURE


def compute(asked: SharesRequest, folder: Path | None) -> SharesOut:
    """The shares; with a fiscal year and a folder also written as PDF, Excel and CSV.

    Raises
    ------
    Invalid, NotFound
        A wrong code, an unknown municipality, a component that does not fit.
    """
    bodies = municipalities()
    if asked.members is not None:
        bodies = [tenant(check_authority_code(code)) for code in asked.members]
    if any(each.code == PREFECTURE for each in bodies):
        raise Invalid("the prefecture takes no share: name municipalities")
    members = [
        Member(
            each.code,
            each.name,
            getattr(each.population, asked.basis),
            {metric: values[each.code] for metric, values in asked.measures.items() if each.code in values},
        )
        for each in bodies
    ]
    run = rules.compute(asked.total_yen, [rules.parse_component(c) for c in asked.components], members, basis=asked.basis)
    paths = None
    if asked.year and folder:
        written = service.write_report(run, folder, year=asked.year, name=f"shares-{asked.year}-{asked.total_yen}")
        paths = {kind: str(path) for kind, path in written.items()}
    shares = [ShareOut(code=s.code, name=s.name, yen=s.yen, yen_per_head=s.yen_per_head) for s in run.shares]
    return SharesOut(total_yen=run.total_yen, shares=shares, paths=paths)
