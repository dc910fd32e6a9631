"""`mcloud`: the console command over the SDK. Data on standard output, all else on standard error.

Exit codes: 0 ok, 1 error, 2 differs, 3 not found, 4 conflict, 5 forbidden, 6 unavailable.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

from kit.errors import CallerError, Conflict, Forbidden, Invalid, NotFound, Refused, Stale, Unauthenticated, Unavailable
from platform_api.land import infra
from platform_api.offline import civic, report
from platform_api.output import Format, Output, emit, say
from platform_api.testbed import testbed
from tenants.home import home

EXIT = {NotFound: 3, Conflict: 4, Stale: 4, Forbidden: 5, Refused: 5, Unauthenticated: 5, Unavailable: 6}
ERROR, DIFFERS = 1, 2
FileOption = Annotated[Path, Parameter(name=["-f", "--file"])]
TenantOption = Annotated[str, Parameter(name="--tenant")]

app = App(name="mcloud", help="宮城県市町村共同クラウド", version="0.1.0", error_console=Console(stderr=True))
tenant = App(name="tenant", help="municipalities as tenants")
backup = App(name="backup", help="copies at both sites")
restore = App(name="restore", help="bring one tenant back, at the recovery site")
drill = App(name="drill", help="bring towns back and measure")
journal = App(name="journal", help="a tenant's journal")
site = App(name="site", help="training: lose and return site primary")
for group in (tenant, backup, restore, drill, report, journal, civic, site, infra, testbed):
    app.command(group)


def _client() -> Any:
    from platform_api.sdk import Client

    return Client.of(home())


def _door(verb: str, output: Format, rows: Callable[[dict[str, Any]], Sequence[dict[str, Any]] | None] = lambda _: None) -> int:
    """Run a verb of the land on this machine."""
    from platform_api import runner

    def step(event: dict[str, Any]) -> None:
        say(f"  {event['seconds']:6.2f} s  {event['name']}" + ("" if event["changed"] else "  (unchanged)"))

    result = runner.run(home(), "infra.run", verb.split(), step)
    del result["event"]
    emit(result, output, rows=rows(result))
    return 0


@app.command
def up(*, output: Output = "table") -> int:
    """Start the cloud on this machine, or what of it does not run."""
    return _door("up", output)


@app.command
def down(*, output: Output = "table") -> int:
    """Stop everything; data stays."""
    return _door("down", output)


@app.command
def status(*, output: Output = "table") -> int:
    """Processes and their states."""
    return _door("status", output, lambda result: result["processes"])


@app.command
def doctor(*, output: Output = "table") -> int:
    """Examine what is needed and what runs; exit code 1 when something is wrong."""
    from platform_api.doctor import examine

    found = examine(home())
    emit(found, output)
    return 0 if all(each["ok"] for each in found) else ERROR


@site.command
def lose(name: str, *, output: Output = "table") -> int:
    """Training: stop everything of site primary and make its folders unreadable."""
    return _site("lose-site", name, output)


@site.command(name="return")
def return_(name: str, *, output: Output = "table") -> int:
    """Training: site primary comes back as it was."""
    return _site("return-site", name, output)


def _site(verb: str, name: str, output: Format) -> int:
    if name != "primary":
        raise Invalid("only site primary can be lost and returned")
    return _door(verb, output)


@tenant.command(name="list")
def tenant_list(*, output: Output = "table") -> int:
    """All tenants with their state."""
    emit(_client().tenants(), output, columns=["code", "name", "state", "population_census2020", "primary_site", "recovery_site"])
    return 0


@tenant.command(name="show")
def tenant_show(code: str, *, output: Output = "table") -> int:
    """One tenant with its definition."""
    emit(_client().tenant(code), output)
    return 0


@tenant.command(name="apply")
def tenant_apply(
    *, file: Annotated[Path, Parameter(name=["-f", "--file"])], dry_run: bool = False, output: Output = "table"
) -> int:
    """Put the definition in a file in force; with --dry-run exit code 2 says that it differs."""
    from tenants.catalog import parse

    if not file.exists():
        raise NotFound(f"there is no file {file}")
    wanted = parse(file.read_text(), file.name)
    told = _client().apply(wanted.code, yaml.safe_load(file.read_text()), dry_run=dry_run)
    emit(told, output)
    return DIFFERS if dry_run and told["differs"] else 0


@tenant.command(name="fetch")
def tenant_fetch(code: str, *, output: Output = "table") -> int:
    """Put the counter's definition in force in one's own folder, from which `mcloud infra` lands."""
    from tenants import catalog

    definition = catalog.check(_client().tenant(code)["definition"], "the counter's definition")
    emit({"code": definition.code, "changed": catalog.apply(home(), definition)}, output)
    return 0


@tenant.command(name="onboard")
def tenant_onboard(code: str, *, synthetic_scale: int | None = None, output: Output = "table") -> int:
    """Take a tenant in. --synthetic-scale N fills the register with 1/N of the census."""
    client = _client()
    return _follow(client, client.onboard(code, synthetic_scale=synthetic_scale), output)


def _follow(client: Any, operation: dict[str, Any], output: Format) -> int:
    def step(told: dict[str, Any]) -> None:
        say(f"  {told['seconds']:6.2f} s  {told['name']}" + ("" if told["changed"] else "  (unchanged)"))

    done = client.wait(operation, step)
    emit(done, output, rows=[done["result"]])
    return 0


@backup.command(name="run")
def backup_run(*, tenant: TenantOption, base: bool = False, output: Output = "table") -> int:
    """Back a tenant up now, to both sites."""
    client = _client()
    return _follow(client, client.back_up(tenant, base=base), output)


@backup.command(name="list")
def backup_list(*, tenant: TenantOption, output: Output = "table") -> int:
    """Backups of a tenant by their signed manifests."""
    columns = ["number", "at", "segment", "base_segment", "bytes_added", "snapshot"]
    emit(_client().backups(tenant), output, columns=columns)
    return 0


@restore.command(name="plan")
def restore_plan(*, tenant: TenantOption, at: str | None = None, output: Output = "table") -> int:
    """What a restore would do; nothing is changed."""
    emit(_client().restore_plan(tenant, at=at), output)
    return 0


@restore.command(name="run")
def restore_run(*, tenant: TenantOption, at: str | None = None, output: Output = "table") -> int:
    """Restore a tenant beside everything else; exit code 2 when something differs."""
    client = _client()
    done = client.wait(client.restore(tenant, at=at))
    emit(done["result"], output)
    return DIFFERS if done["result"]["differs"] else 0


@restore.command(name="destroy")
def restore_destroy(database: str, *, tenant: TenantOption, output: Output = "table") -> int:
    """Destroy a restored copy that is no longer needed; it says when it is gone."""
    emit(_client().destroy(tenant, database), output)
    return 0


@drill.command(name="run")
def drill_run(*, tenant: Annotated[list[str], Parameter(name="--tenant")], output: Output = "table") -> int:
    """Drill tenants from the recovery site alone; exit code 2 when one does not pass."""
    client = _client()
    operation = client.drill(tenant)
    result = client.wait(operation, lambda told: say(f"  {told['seconds']:6.2f} s  {told['name']}"))["result"]
    columns = ["code", "name", "passed", "rto_seconds", "rpo_seconds", "rows_compared", "rows_different", "error"]
    emit({"id": operation["id"], **result}, output, rows=result["drill"]["tenants"], columns=columns)
    say(f"report: {result['paths']['pdf']}")
    return 0 if result["drill"]["passed"] else DIFFERS


@drill.command(name="list")
def drill_list(*, output: Output = "table") -> int:
    """Drills, newest first."""
    emit(_client().drills(), output, columns=["id", "state", "started_at", "ended_at", "error"])
    return 0


@drill.command(name="show")
def drill_show(number: str, *, output: Output = "table") -> int:
    """A drill's report; exit code 1 when its signature is not valid."""
    found = _client().drill_report(number)
    emit(found, output, rows=found["drill"]["tenants"])
    say(f"signature {'valid' if found['signature_valid'] else 'NOT valid'}; report: {found['paths']['pdf']}")
    return 0 if found["signature_valid"] else ERROR


@journal.command(name="verify")
def journal_verify(*, tenant: TenantOption, output: Output = "table") -> int:
    """Recompute a tenant's chain from files and database; exit code 1 when it is broken."""
    found = _client().journal(tenant)
    emit(found, output)
    return 0 if found["intact"] else ERROR


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    try:
        result = app(arguments, exit_on_error=False, result_action="return_value")
    except CycloptsError:
        return ERROR
    except CallerError as wrong:
        say(f"mcloud: {wrong.detail}")
        return EXIT.get(type(wrong), ERROR)
    except BrokenPipeError:
        return ERROR
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    sys.exit(main())
