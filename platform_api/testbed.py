"""`mcloud testbed`: two real Kubernetes sites on this machine."""

from typing import Any

from cyclopts import App

from platform_api.output import Format, Output, emit, say
from tenants.home import home

testbed = App(name="testbed", help="two real Kubernetes sites on this machine, joined by a link that can be cut")


def _run(verb: str, output: Format, *arguments: str, rows: str | None = None) -> int:
    from platform_api import runner

    def step(event: dict[str, Any]) -> None:
        say(f"  {event['seconds']:6.2f} s  {event['name']}" + ("" if event["changed"] else "  (unchanged)"))

    result = runner.run(home(), "infra.testbed", [verb, *arguments], step)
    del result["event"]
    emit(result, output, rows=result[rows] if rows else None)
    return 0


@testbed.command(name="up")
def bed_up(*, sites: str = "primary,recovery", output: Output = "table") -> int:
    """Raise the sites, or what of them does not stand; needs root. `make tools-cluster` comes before."""
    return _run("up", output, f"--sites={sites}", rows="sites")


@testbed.command(name="down")
def bed_down(*, output: Output = "table") -> int:
    """Take the testbed down and destroy what it held, also after a crash."""
    return _run("down", output)


@testbed.command(name="status")
def bed_status(*, output: Output = "table") -> int:
    """How each site is, and where it answers."""
    return _run("status", output, rows="sites")


@testbed.command(name="images")
def bed_images(*, output: Output = "table") -> int:
    """Build the platform's images from this tree and bring them to every site that is up."""
    return _run("images", output)


@testbed.command(name="cut")
def bed_cut(*, output: Output = "table") -> int:
    """Cut the link between the sites."""
    return _run("cut", output)


@testbed.command(name="heal")
def bed_heal(*, output: Output = "table") -> int:
    """Mend the link between the sites."""
    return _run("heal", output)


@testbed.command(name="lose")
def bed_lose(site: str, *, output: Output = "table") -> int:
    """Training: a site dies at once, with everything it held."""
    return _run("lose", output, f"--sites={site}")
