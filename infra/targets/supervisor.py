"""The well-kept process supervisor (supervisord) over its socket: programs in, states out."""

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from infra.targets.services import wait_until
from kit.errors import Unavailable

#: longest path of a unix socket
SOCKET_LIMIT = 100


class Supervisor:
    """supervisord of one instance; its files lie in `run/`."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.programs = run / "programs"
        self.logs = run / "logs"
        socket = run / "supervisor.sock"
        if len(str(socket)) > SOCKET_LIMIT:
            socket = Path(f"/tmp/mcloud-{hashlib.sha256(str(run).encode()).hexdigest()[:16]}.sock")  # noqa: S108
        self.socket = socket

    def ensure_running(self) -> bool:
        """Start supervisord; False when it runs already."""
        if self.is_running():
            return False
        self.socket.unlink(missing_ok=True)
        done = subprocess.run(self.command(), capture_output=True, text=True, start_new_session=True)
        if done.returncode:
            raise Unavailable(f"the supervisor does not start: {done.stderr.strip()[-200:]}")
        wait_until(self.is_running, "the supervisor", 10)
        return True

    def command(self) -> list[str]:
        """What starts supervisord; its configuration is written first."""
        for folder in (self.programs, self.logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self.run / "supervisord.conf"
        file.write_text(
            f"[supervisord]\nlogfile={self.logs}/supervisord.log\npidfile={self.run}/supervisord.pid\nsilent=true\n"
            f"childlogdir={self.logs}\n[unix_http_server]\nfile={self.socket}\nchmod=0600\n"
            "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
            f"[include]\nfiles={self.programs}/*.ini\n"
        )
        return [sys.executable, "-W", "ignore", "-m", "supervisor.supervisord", "-c", str(file)]

    def is_running(self) -> bool:
        try:
            return bool(self._call("supervisor.getState"))
        except OSError:
            return False

    def _call(self, name: str, *arguments: object) -> Any:
        proxy = ServerProxy("http://supervisor", transport=SupervisorTransport(serverurl=f"unix://{self.socket}"))
        method: Any = proxy
        for part in name.split("."):
            method = getattr(method, part)
        return method(*arguments)

    def put(self, name: str, command: Sequence[str], environment: Mapping[str, str], *, stop: str = "TERM") -> bool:
        """Describe a program; True when it is new or changed. Secrets stand in the environment, the file has mode 0600."""
        quoted = " ".join(f'"{part}"' if " " in part else part for part in command).replace("%", "%%")
        variables = ",".join(f'{key}="{value.replace("%", "%%")}"' for key, value in sorted(environment.items()))
        text = (
            f"[program:{name}]\ncommand={quoted}\nenvironment={variables}\nautostart=false\nautorestart=true\nstartsecs=0\n"
            f"startretries=20\nstopsignal={stop}\nstopwaitsecs=30\nstopasgroup=false\nkillasgroup=true\n"
            f"stdout_logfile={self.logs}/{name}.log\nredirect_stderr=true\nstdout_logfile_maxbytes=10MB\n"
        )
        file = self.programs / f"{name}.ini"
        if file.exists() and file.read_text() == text:
            return False
        draft = file.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_text(text)
        draft.replace(file)
        return True

    def names(self) -> list[str]:
        """Programs described."""
        return sorted(file.stem for file in self.programs.glob("*.ini"))

    def refresh(self) -> None:
        """Take up what `put` and `remove` changed; changed programs are stopped. One at a time: tenants land side by side."""
        with (self.run / "supervisor.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            added, changed, removed = self._call("supervisor.reloadConfig")[0]
            for name in (*changed, *removed):
                self.stop(name)
                self._call("supervisor.removeProcessGroup", name)
            for name in (*added, *changed):
                self._call("supervisor.addProcessGroup", name)

    def start(self, name: str) -> bool:
        """Start the program; False when it runs."""
        if self.state(name) in ("RUNNING", "STARTING"):
            return False
        try:
            self._call("supervisor.startProcess", name, False)
        except Fault as fault:
            raise Unavailable(f"{name} does not start: {fault.faultString}; see {self.logs}/{name}.log") from None
        return True

    def stop(self, *names: str) -> bool:
        """Stop the programs, all at once, and wait; False when none ran."""
        stopped = []
        for name in names:
            with suppress(Fault):  # it does not run
                self._call("supervisor.stopProcess", name, False)
                stopped.append(name)
        for name in stopped:
            wait_until(partial(self._rests, name), f"the end of {name}", 40)
        return bool(stopped)

    def _rests(self, name: str) -> bool:
        return self.state(name) not in ("RUNNING", "STOPPING")

    def signal(self, name: str, signal: str) -> None:
        """Send the running program a signal, by name (`HUP`)."""
        self._call("supervisor.signalProcess", name, signal)

    def remove(self, name: str) -> None:
        (self.programs / f"{name}.ini").unlink(missing_ok=True)
        self.refresh()

    def state(self, name: str) -> str:
        """supervisord's word: RUNNING, STOPPED, BACKOFF …; UNKNOWN when there is no such program."""
        try:
            return str(self._call("supervisor.getProcessInfo", name)["statename"])
        except Fault:
            return "UNKNOWN"

    def all_states(self) -> list[dict[str, Any]]:
        """Name, state, pid and start of every program."""
        found = self._call("supervisor.getAllProcessInfo")
        return [{key: each[key] for key in ("name", "statename", "pid", "start", "now")} for each in found]

    def shut_down(self) -> bool:
        """Stop every program, then supervisord; False when it does not run."""
        if not self.is_running():
            return False
        pid = int((self.run / "supervisord.pid").read_text())
        self._call("supervisor.stopAllProcesses", True)
        self._call("supervisor.shutdown")
        wait_until(lambda: not _alive(pid), "the end of the supervisor", 60)
        return True


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
