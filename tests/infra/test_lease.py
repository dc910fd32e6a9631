"""Who holds a lease: what is read of him, and what he is told who must wait."""

import subprocess
from dataclasses import asdict, replace

import pytest
import yaml

from infra import lease
from infra.config import stack_options


def _lease(holder: dict[str, object]) -> dict[str, object]:
    return {"spec": {"holderIdentity": yaml.safe_dump(holder, default_flow_style=True)}}


# mutant: numbers of another space are looked up in ours, where there is no such process
def test_a_dead_process_is_told_from_one_that_another_pod_numbers_and_from_an_old_lease() -> None:
    process = subprocess.Popen(["sleep", "600"])
    holder = lease.Holder.here(process.pid)
    process.kill()
    process.wait()
    assert holder.is_dead()
    assert not replace(holder, numbers="of a pod").is_dead()
    noted = {key: value for key, value in asdict(holder).items() if key not in ("machine", "numbers")}
    old = lease.holder_of(_lease(noted))
    assert old
    assert (old.machine, old.numbers, old.pid) == ("", "", process.pid)
    assert not old.is_dead()
    assert not old.is_alive()


# mutants: the name alone proves it; two without identity are taken for one
def test_two_machines_of_one_name_do_not_prove_each_other_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_machine", lambda: "this one")  # where the tests run there may be none
    here = replace(lease.Holder.here(), boot="earlier")
    assert here.is_dead()
    assert not replace(here, machine="another").is_dead()
    assert not replace(here, host="another").is_dead()
    monkeypatch.setattr(lease, "_machine", lambda: "")
    assert not replace(here, machine="").is_dead()


def test_commands_are_told_the_stack() -> None:
    told = [stack_options(each) for each in ("site-recovery", "tenant-042021", "tenant-042021-recovery")]
    assert told == ["--site recovery", "--tenant 042021", "--tenant 042021 --site recovery"]
