"""The only door to Pulumi's engine: one stack, one operation, the program of infra/program.py run inside this process.

State lies in the instance's folder (`land/state`) unless `PULUMI_BACKEND_URL` names another place; the ordinary CLI reads and
writes the same stacks.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra import program
from infra.config import ROOT, TenantConfig
from kit.errors import CallerError, Conflict, Invalid, Unavailable
from tenants.home import Home
from tenants.keyring import ensure_secret
from tools.cluster import pulumi

PROJECT = "mcloud"
FILES = "file://"
Told = Callable[[str, bool], None]


def backend(home: Home) -> str:
    """Where Pulumi's state lies; a folder absolute, because the engine works in a folder of its own."""
    where = os.environ.get("PULUMI_BACKEND_URL") or f"file://{home.path}/land/state"
    if not where.startswith(FILES):
        return where
    folder, mark, options = where.removeprefix(FILES).partition("?")
    return FILES + os.path.abspath(os.path.expanduser(folder)) + mark + options


def state_folder(home: Home) -> Path | None:
    """Folder of the state; None when it lies elsewhere than in files."""
    where = backend(home)
    return Path(where.removeprefix(FILES).partition("?")[0]) / ".pulumi" if where.startswith(FILES) else None


def exported(stack: str, variables: dict[str, str]) -> dict[str, Any] | None:
    """A stack's state as the engine tells it, wherever it lies; None when there is no such stack.

    `variables`: the engine's environment, beside this process's own.
    """
    from pulumi import automation
    from pulumi.automation.errors import CommandError, StackNotFoundError

    if not shutil.which("pulumi"):
        os.environ["PATH"] = _path()  # the workspace looks for the engine here, not in its own variables
    workspace = automation.LocalWorkspace(work_dir=str(ROOT), env_vars=variables)
    try:
        found: dict[str, Any] = workspace.export_stack(stack).__dict__
    except StackNotFoundError:
        return None
    except CommandError as failed:
        raise _told(stack, str(failed)) from None
    return found


def _path() -> str:
    return f"{Path(sys.executable).parent}:{pulumi().parent}:{os.environ['PATH']}"


def environment(home: Home) -> dict[str, str]:
    """What `pulumi` needs to find its language host, our Python, the state and the instance."""
    secret = ensure_secret(home, "pulumi", lambda: {"passphrase": os.urandom(24).hex()})["passphrase"]
    return {
        "PATH": _path(),
        "PULUMI_BACKEND_URL": backend(home),
        "PULUMI_CONFIG_PASSPHRASE": secret,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "MCLOUD_HOME": str(home.path),
        "PYTHONPATH": str(ROOT),
    }


class Engine:
    """One stack."""

    def __init__(self, home: Home, stack: str, lease: str = "", wanted: TenantConfig | None = None) -> None:
        from pulumi import automation

        self.home, self.name, self._wanted = home, stack, wanted
        self._refusal: CallerError | None = None
        folder = home.path / "land" / "work" / stack
        folder.mkdir(parents=True, exist_ok=True)
        place = state_folder(home)
        if place is not None:
            place.parent.mkdir(parents=True, exist_ok=True)
        variables = environment(home) | ({"MCLOUD_LEASE": lease} if lease else {})
        os.environ.update(variables)
        project = automation.ProjectSettings(PROJECT, "python", backend=automation.ProjectBackend(backend(home)))
        options = automation.LocalWorkspaceOptions(
            work_dir=str(folder),
            project_settings=project,
            env_vars=variables,
        )
        self._stack = self._guarded(
            lambda: automation.create_or_select_stack(stack, PROJECT, program=self._program, work_dir=str(folder), opts=options)
        )

    def _program(self) -> None:
        try:
            program.main(self._wanted, ordinary=False)
        except CallerError as refused:
            self._refusal = refused
            raise

    def _guarded(self, act: Callable[[], Any]) -> Any:
        from pulumi.automation.errors import CommandError, ConcurrentUpdateError

        try:
            return act()
        except ConcurrentUpdateError as held:
            raise Conflict(f"stack {self.name}: {_first(str(held), 'locked by', 'pid')}") from None
        except CommandError as failed:
            raise self._refusal or _told(self.name, str(failed)) from None

    def preview(self, *, refresh: bool = False) -> list[dict[str, str]]:
        """What the engine would do: resource and operation, unchanged ones left out."""
        steps: list[dict[str, str]] = []

        def seen(event: Any) -> None:
            if event.resource_pre_event:
                facts = event.resource_pre_event.metadata
                operation = getattr(facts.op, "value", str(facts.op))
                if operation not in ("same", "read", "refresh") and _is_ours(facts.type):
                    steps.append({"resource": facts.urn.rsplit("::", 1)[1], "operation": operation})

        self._guarded(lambda: self._stack.preview(on_event=seen, refresh=refresh))
        return sorted(steps, key=lambda each: each["resource"])

    def up(self, told: Told, *, refresh: bool = True) -> dict[str, int]:
        """Make it so; how many resources were created, updated, deleted, the same."""

        def seen(event: Any) -> None:
            if event.res_outputs_event:
                facts = event.res_outputs_event.metadata
                operation = getattr(facts.op, "value", str(facts.op))
                if operation != "refresh" and _is_ours(facts.type):
                    told(facts.urn.rsplit("::", 1)[1], operation != "same")

        done = self._guarded(lambda: self._stack.up(on_event=seen, refresh=refresh))
        return dict(done.summary.resource_changes or {})

    def destroy(self) -> dict[str, int]:
        """Take away what is not protected."""
        done = self._guarded(lambda: self._stack.destroy(exclude_protected=True))
        return dict(done.summary.resource_changes or {})

    def cancel(self) -> None:
        """Remove the engine's own lock; only for who has proved that its holder is dead."""
        self._guarded(self._stack.cancel)

    def export(self) -> dict[str, Any]:
        found: dict[str, Any] = self._guarded(self._stack.export_stack).__dict__
        return found

    def load(self, deployment: dict[str, Any]) -> None:
        """Put a copy of the state in force."""
        from pulumi.automation import Deployment

        self._guarded(lambda: self._stack.import_stack(Deployment(**deployment)))


def _is_ours(kind: str) -> bool:
    """Whether a resource stands for something in the cluster; the engine's stack, providers and components do not."""
    return kind.startswith("pulumi-python:dynamic")


def _told(stack: str, text: str) -> CallerError:
    """What went wrong, from the engine's output: our own words when a provider raised, else the engine's first error."""
    ours = {kind.__name__: kind for kind in CallerError.__subclasses__()}
    for kind, words in re.findall(r"kit\.errors\.(\w+): (.+)", text):
        if kind in ours:
            return ours[kind](words.strip())
    found = re.search(r"error: (.+)", text)
    words = found.group(1).strip() if found else text.strip().splitlines()[-1]
    if "passphrase" in words:
        return Invalid(f"stack {stack}: the passphrase does not open this state: {words}")
    return Unavailable(f"stack {stack}: {words[:600]}")


def _first(text: str, *words: str) -> str:
    """The first line that says one of the words."""
    return next((line.strip() for line in text.splitlines() if any(word in line for word in words)), "locked by another update")
