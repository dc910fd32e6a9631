"""Images: the same tree gives the same digest, whatever was touched or run beside it; only what is named goes in."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.images import base
from infra.images import build as images
from infra.images.base import buildah, ensure_base_image
from infra.images.build import build
from kit.errors import Invalid, Unavailable
from tests.support.postgres import free_port
from tools import programs
from tools.programs import cache

DIGEST = "sha256:" + "0" * 64


@pytest.fixture(autouse=True)
def _rooted() -> None:
    if os.geteuid() != 0 or not shutil.which("buildah"):
        pytest.skip("images need root and buildah: `make tools-cluster`")


def touch_all(folder: Path) -> None:
    for each in folder.rglob("*"):
        os.utime(each, (1, 1), follow_symlinks=False)


@pytest.fixture
def keycloak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of Keycloak, as somebody's own, that may be soiled."""
    own = tmp_path / "keycloak"
    shutil.copytree(programs.keycloak(), own, symlinks=True, ignore=shutil.ignore_patterns("data"))
    monkeypatch.setenv("MCLOUD_KEYCLOAK_HOME", str(own))
    return own


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the source tree that may be soiled."""
    copy = tmp_path / "tree"
    for name in (*images.SOURCES, "requirements.lock"):
        source = images.ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, symlinks=True)
        else:
            copy.mkdir(exist_ok=True)
            shutil.copy2(source, copy / name)
    monkeypatch.setattr(images, "ROOT", copy)
    return copy


@pytest.fixture
def another_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_an_unchanged_keycloak_that_ran_gives_an_unchanged_digest(tmp_path: Path, keycloak: Path) -> None:
    """Mutant: `data` copied too; seen failing."""
    first = build("mcloud-keycloak", tmp_path / "first")
    for left in ("data/tmp/kc-gzip-cache/x/theme.css.gz", "data/log/keycloak.log", "data/transaction-logs/1"):
        (keycloak / left).parent.mkdir(parents=True)
        (keycloak / left).write_text(str(time.time()))
    touch_all(keycloak)
    assert build("mcloud-keycloak", tmp_path / "second", cached=False).digest == first.digest
    assert first.archive.stat().st_size > 10**8


def test_an_unchanged_tree_gives_an_unchanged_digest(tmp_path: Path, tree: Path, another_umask: None) -> None:
    """Mutants: what Python leaves behind is copied too; folders as the umask makes them."""
    first = build("mcloud", tmp_path / "first")
    touch_all(tree)
    left = tree / "kit" / "__pycache__" / "errors.cpython-311.pyc"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(os.urandom(100))
    os.umask(0o022)
    again = build("mcloud", tmp_path / "second", cached=False)
    assert again.digest == first.digest
    assert again.archive.stat().st_size > 10**8


def run_in(image: str, *command: str) -> str:
    """What a command says in a container of the image, as the image's own user."""
    container = buildah("from", "--pull-never", image)
    try:
        return buildah("run", container, "--", *command)
    finally:
        buildah("rm", container)


def test_what_was_built_runs_as_its_user(tmp_path: Path) -> None:
    build("mcloud", tmp_path)
    assert run_in("localhost/mcloud:built", "id", "-u") == str(base.USER)
    assert (
        run_in("localhost/mcloud:built", "python3", "-c", "import systems; print(systems.__file__)") == "/app/systems/__init__.py"
    )
    assert run_in("localhost/mcloud:built", "restic", "version").startswith("restic 0.")
    assert run_in("localhost/mcloud:built", "pulumi", "version").startswith("v3.")
    asked = "from tools import cluster, programs; print(programs.restic(), programs.rest_server(), *cluster.pulumi_parts())"
    found = run_in("localhost/mcloud:built", "python3", "-c", asked).split()
    assert all(each.startswith("/opt/mcloud/") for each in found)
    assert len(found) == 6


def test_of_a_users_own_programs_only_those_that_are_named_go_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: the program's folder copied; seen failing."""
    ours = images.pulumi_parts()
    own = tmp_path / "own"
    own.mkdir()
    shutil.copy2(programs.restic(), own / "restic-real")
    (own / "restic").symlink_to("restic-real")
    for part in ours:
        shutil.copy2(part, own / part.name)
    (own / "payroll.csv").write_text("secret")
    (own / "other-program").write_text("#!/bin/sh\n")
    (own / "home").symlink_to("/root")
    monkeypatch.setenv("PATH", f"{own}:/usr/bin:/bin")
    assert programs.restic() == own / "restic"
    images._lay_out_programs(tmp_path / "context")
    assert sorted(each.name for each in (tmp_path / "context").rglob("*") if not each.is_dir() or each.is_symlink()) == sorted(
        ["restic", "rest-server", "rest-server", ".complete", *(part.name for part in ours)]
    )
    copied = tmp_path / "context" / "bin" / "restic"
    assert copied.stat().st_mode & 0o777 == 0o555
    assert not copied.is_symlink()
    (own / ours[-1].name).unlink()
    with pytest.raises(Unavailable, match=f"{ours[-1].name} is missing beside {own}/pulumi"):
        images._lay_out_programs(tmp_path / "again")


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a real registry for this test: Debian's own package of it, unpacked and not installed."""
    fetched = subprocess.run(["apt-get", "-qq", "download", "docker-registry"], cwd=tmp_path, capture_output=True)
    if fetched.returncode:
        pytest.skip("a registry cannot be fetched from Debian")
    subprocess.run(["dpkg", "-x", str(next(tmp_path.glob("docker-registry*.deb"))), str(tmp_path / "unpacked")], check=True)
    address = f"127.0.0.1:{free_port()}"
    config = {"version": 0.1, "log": {"level": "error"}, "http": {"addr": address}}
    config["storage"] = {"filesystem": {"rootdirectory": str(tmp_path / "store")}}
    (tmp_path / "registry.yml").write_text(yaml.safe_dump(config))
    (tmp_path / "registries.conf").write_text(f'[[registry]]\nlocation = "{address}"\ninsecure = true\n')
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(tmp_path / "registries.conf"))
    command = [str(tmp_path / "unpacked/usr/bin/docker-registry"), "serve", str(tmp_path / "registry.yml")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            yield address
        finally:
            server.terminate()


def pushed(address: str, folder: Path) -> str:
    """A Debian in the registry, by digest: the base for Python, which has no Java."""
    buildah(
        "push", "--quiet", "--retry=5", f"--digestfile={folder / 'digest'}", base._made("python"), f"docker://{address}/debian:12"
    )
    return f"{address}/debian@{(folder / 'digest').read_text().strip()}"


@pytest.fixture
def cold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the cache an empty one; what buildah mounted in it is taken down at the end."""
    folder = tmp_path / "cache"

    def chill() -> None:
        folder.mkdir()
        monkeypatch.setenv("MCLOUD_KEYCLOAK_HOME", str(programs.keycloak()))
        monkeypatch.setenv("MCLOUD_CACHE", str(folder))

    yield chill
    if folder.exists():
        subprocess.run(["umount", str(folder / "buildah" / "root" / "overlay")], capture_output=True)
        shutil.rmtree(folder)


def test_a_base_from_a_registry_is_pulled_and_gets_the_packages(
    tmp_path: Path, registry: str, monkeypatch: pytest.MonkeyPatch, cold: Any
) -> None:
    """Mutant: the name is not read."""
    reference = pushed(registry, tmp_path)
    cold()
    monkeypatch.setenv(base.NAMED, reference)
    first, second = (build("mcloud-keycloak", tmp_path / name, cached=False) for name in ("first", "second"))
    assert first.digest == second.digest
    assert not list(cache().glob("base-*"))  # nothing was made with mmdebstrap
    assert "Keycloak 26" in run_in("localhost/mcloud-keycloak:built", "kc.sh", "--version")
    # one that was prepared before is not prepared twice
    name = ensure_base_image("python")
    assert run_in(name, "python3", "-c", "import sys; print(sys.version_info[:2])") == "(3, 11)"
    assert run_in(name, "grep", "-c", "^mcloud:", "/etc/passwd") == "1"
    monkeypatch.setattr(base, "PYTHON", "3.9")
    with pytest.raises(Unavailable, match=r"does not serve as the base for python: .*its Python is 3\.11"):
        ensure_base_image("python")
    monkeypatch.setitem(base.BASES, "java", ("no-such-package",))
    with pytest.raises(Unavailable, match=r"does not serve as the base for java: .*no-such-package"):
        ensure_base_image("java")
    monkeypatch.setenv(base.NAMED, f"{registry}/debian@{DIGEST}")
    with pytest.raises(Unavailable, match=rf"{DIGEST} cannot be had .*unknown.*: name another, or unset it"):
        ensure_base_image("java")
    assert buildah("containers", "--quiet") == ""


@pytest.mark.parametrize(
    "reference", ["debian", "debian:12", "registry.example/debian@sha256:12", "debian@sha1:" + "0" * 64, " "]
)
def test_a_base_that_is_not_named_by_digest_is_refused(reference: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(base.NAMED, reference)
    with pytest.raises(Invalid, match=r"MCLOUD_BASE_IMAGE=.* names no digest"):
        ensure_base_image("java")
