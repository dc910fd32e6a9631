"""`mcloud infra …`: the land of a tenant or a site on its cluster. Each operation is a process of its own."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from kit.errors import CallerError, Invalid
from platform_api import runner
from platform_api.output import Output, emit, say
from tenants.catalog import catalog
from tenants.home import home

infra = App(name="infra", help="plan and apply the land of tenants and sites on Kubernetes")
DIFFERS = 2
Site = Literal["primary", "recovery"]
TenantOption = Annotated[str | None, Parameter(name="--tenant")]
SiteOption = Annotated[Site | None, Parameter(name="--site")]
AllOption = Annotated[bool, Parameter(name="--all", negative=())]


@infra.command
def plan(*, tenant: TenantOption = None, site: SiteOption = None, all_: AllOption = False, output: Output = "table") -> int:
    """What apply would change, in words and as a manifest diff; exit code 2 when something would."""
    return _show("plan", _targets(tenant, site, all_), output)


@infra.command
def diff(*, tenant: TenantOption = None, site: SiteOption = None, all_: AllOption = False, output: Output = "table") -> int:
    """The cluster against the definition, line by line, by a server-side dry run; exit code 2 when they differ."""
    return _show("diff", _targets(tenant, site, all_), output, lines=True)


@infra.command
def drift(
    *,
    tenant: TenantOption = None,
    site: SiteOption = None,
    all_: AllOption = False,
    mend: bool = False,
    output: Output = "table",
) -> int:
    """What somebody changed by hand; --mend puts it back at once. Exit code 2 when something is left."""
    targets = _targets(tenant, site, all_)
    return _show("drift", targets, output, ["--mend"] if mend else [], lines=True)


@infra.command
def apply(
    *,
    tenant: TenantOption = None,
    site: SiteOption = None,
    all_: AllOption = False,
    plan: str | None = None,
    adopt: bool = False,
    ground: bool = False,
    output: Output = "table",
) -> int:
    """Make it so.

    --plan DIGEST: only the plan that was read. --adopt: the state is lost, take what is in the cluster. --ground: namespaces,
    quotas and walls of a tenant without its processes, as always at a site where they do not run.
    """
    more = (["--digest", plan] if plan else []) + (["--adopt"] if adopt else []) + (["--ground"] if ground else [])
    return _show("apply", _targets(tenant, site, all_), output, more)


@infra.command
def destroy(*, tenant: TenantOption = None, site: SiteOption = None, output: Output = "table") -> int:
    """Take the processes away; namespaces, walls and volumes stay."""
    return _show("destroy", _targets(tenant, site, False), output)


@infra.command(name="restore-state")
def restore_state(*, tenant: TenantOption = None, site: SiteOption = None, output: Output = "table") -> int:
    """Put the newest copy of a lost or broken Pulumi state in force."""
    return _show("restore-state", _targets(tenant, site, False), output)


@infra.command
def unlock(*, host: str, tenant: TenantOption = None, site: SiteOption = None, output: Output = "table") -> int:
    """Take the stack's lease from a process on a machine that is gone for good."""
    return _show("unlock", _targets(tenant, site, False), output, ["--host", host])


def _targets(tenant: str | None, site: Site | None, every: bool) -> list[list[str]]:
    """Arguments that name each stack; `--site` beside a tenant is where the tenant lands.

    Of all stacks the described sites come first: tenants land on them. Their grounds at the site that leads come last: backups
    are of what stands.
    """
    at = ["--site", site] if site else []
    if every:
        if tenant:
            raise Invalid("say --tenant CODE or --all, not both")
        there = runner.run(home(), "infra.run", ["stacks"])
        sites = [["--site", each] for each in there["sites"] if site in (None, each)]
        tenants = list(catalog(home()))
        grounds = [["--tenant", code, "--site", each] for each in there["grounds"] if not site for code in tenants]
        return [*sites, *(["--tenant", code, *at] for code in tenants), *grounds]
    if tenant:
        return [["--tenant", tenant, *at]]
    if site:
        return [at]
    raise Invalid("say --tenant CODE, --site primary|recovery, or --all")


def _show(verb: str, targets: list[list[str]], output: Output, more: list[str] | None = None, *, lines: bool = False) -> int:
    """Run the verb on each stack, one after the other; a refused one does not keep the others from theirs."""
    told, failed = [], None
    for target in targets:
        try:
            answer = runner.run(home(), "infra.run", [verb, *target, *(more or [])], _step)
        except CallerError as wrong:
            if len(targets) == 1:
                raise
            say(f"mcloud: {' '.join(target)}: {wrong.detail}")
            failed = failed or wrong
            continue
        del answer["event"]
        told.append(answer)
    if output == "table":
        for answer in told:
            for line in _words(verb, answer, lines=lines):
                say(line)
    emit(told[0] if len(targets) == 1 else told, output, rows=[_row(each) for each in told])
    if failed:
        raise failed
    return DIFFERS if any(each.get("differs") for each in told) else 0


def _step(event: dict[str, Any]) -> None:
    say(f"  {event['seconds']:6.2f} s  {event['name']}" + ("" if event["changed"] else "  (unchanged)"))


def _words(verb: str, answer: dict[str, Any], *, lines: bool) -> Iterator[str]:
    yield f"{answer['stack']}:"
    yield from (f"  {word}" for word in answer.get("words", []))
    if lines or verb == "plan":
        for each in (found for found in answer.get("differences", []) if found["what"] != "missing"):
            yield from (f"    {line}" for line in each["lines"])
    yield from (f"  mended: {each}" for each in answer.get("mended", []))


def _row(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key not in ("differences", "words", "steps")}
