"""Build the images: a Debian base had once, the locked packages installed once, the source on top.

Everything is laid out with fixed times and owners; layers are neither compressed nor dated. An unchanged tree gives an
unchanged digest as long as the base and the packages in the cache are the same; both are made anew when their recipes change.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.images.base import buildah, digest_of, ensure_base_image
from tools import programs
from tools.cluster import ensure_packages, pulumi_parts
from tools.programs import cache, making, run

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
SOURCES = ("kit", "systems", "tenants", "infra", "dr", "platform_api", "tools", "charts", "Pulumi.yaml", "pyproject.toml")
KEYCLOAK = ("bin", "conf", "lib", "providers", "themes", "LICENSE.txt", "version.txt")


@dataclass(frozen=True)
class Image:
    """A built image: `reference` is by digest; `archive` in OCI form for any container runtime."""

    name: str
    digest: str
    archive: Path

    @property
    def reference(self) -> str:
        return f"localhost/{self.name}@{self.digest}"


def _packages() -> Path:
    """The locked packages that run, without those of development, installed once for the lock."""
    lock, project = ROOT / "requirements.lock", ROOT / "pyproject.toml"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache() / f"packages-{digest_of(lock.read_bytes(), project.read_bytes(), version)}"
    with making(folder, "installing the packages of the image, about 30 s") as draft:
        if draft is not None:
            uv = shutil.which("uv") or str(ROOT / ".bootstrap" / "bin" / "uv")
            wanted = draft / "wanted.txt"
            what = "installing the packages of the image"
            run([uv, "pip", "compile", "-q", str(project), "-c", str(lock), "--generate-hashes", "--no-annotate", "--no-header",
                 "--python-version", version, "-o", str(wanted)], what=what)  # fmt: skip
            run([uv, "pip", "install", "-q", "--require-hashes", "--no-deps", "--python", sys.executable, "--link-mode=copy",
                 "--target", str(draft / "packages"), "-r", str(wanted)], what=what)  # fmt: skip
            run([sys.executable, "-m", "compileall", "-q", "--invalidation-mode=unchecked-hash", "-s", str(draft / "packages"),
                 "-p", f"/usr/local/lib/python{version}/dist-packages", str(draft / "packages")], what=what)  # fmt: skip
    return folder / "packages"


def _lay_out_programs(target: Path) -> None:
    """The named programs and nothing that lies beside them: a user's own may stand in a folder of many."""
    for program in (programs.restic(), *pulumi_parts()):
        _copy(program, target / "bin" / program.name)
    server = programs.rest_server()  # always ours; the tools know it by its folder, which must look complete
    for name in (server.name, ".complete"):
        _copy(server.parent / name, target / server.parent.name / name)
    (target / "bin" / server.name).symlink_to(f"../{server.parent.name}/{server.name}")


def _lay_out_python(context: Path) -> None:
    # linked, not copied: a gigabyte that nobody writes to
    shutil.copytree(_packages(), context / "packages", symlinks=True, copy_function=os.link)
    _lay_out_programs(context / "programs")
    for source in SOURCES:
        if (ROOT / source).exists():
            _copy(ROOT / source, context / "app" / source)


def _lay_out_keycloak(context: Path) -> None:
    """What Keycloak is started from; never `data` and logs, which a run of it leaves in the same folder."""
    home = programs.keycloak()
    for name in KEYCLOAK:
        if (home / name).exists():
            _copy(home / name, context / "keycloak" / name)
    (context / "keycloak" / "data").mkdir()  # a volume stands there


LAYOUTS: dict[str, tuple[str, str, Callable[[Path], None]]] = {
    "mcloud": ("python", "Containerfile", _lay_out_python),
    "mcloud-keycloak": ("java", "Containerfile.keycloak", _lay_out_keycloak),
}


def _copy(source: Path, target: Path) -> None:
    """Readable by all, written by nobody, without what Python leaves behind in a source tree."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        shutil.copyfile(source, target)
        target.chmod(_mode(source))
        return
    leave = shutil.ignore_patterns("__pycache__") if source.is_relative_to(ROOT) else None
    shutil.copytree(source, target, symlinks=True, ignore=leave)
    for file in (target, *target.rglob("*")):
        if not file.is_symlink():
            file.chmod(_mode(file))


def _mode(file: Path) -> int:
    return 0o755 if file.is_dir() else 0o555 if file.stat().st_mode & 0o100 else 0o444


def build(name: str, folder: Path, *, cached: bool = True) -> Image:
    """Build an image and lay its archive into the folder as `<name>.tar`; `cached`: layers kept from earlier builds are taken."""
    kind, file, lay_out = LAYOUTS[name]
    base, archive = ensure_base_image(kind), folder / f"{name}.tar"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache(), prefix=".context-") as scratch:
        context = Path(scratch)
        lay_out(context)
        for inner, _, _ in os.walk(context):
            Path(inner).chmod(0o755)  # whatever the umask of who builds
        again = () if cached else ("--no-cache",)
        buildah("build", *again, "--quiet", "--layers", "--identity-label=false", "--timestamp=0", "--format=oci", "--pull-never",
                f"--file={HERE / file}", f"--build-arg=BASE={base}", f"--tag=localhost/{name}:built", str(context))  # fmt: skip
    draft = archive.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    buildah("push", "--quiet", "--disable-compression", "--format=oci", f"localhost/{name}:built", f"oci-archive:{draft}:{name}")
    draft.replace(archive)
    digest = json.loads(run_output("tar", "--extract", "--to-stdout", f"--file={archive}", "index.json"))["manifests"][0][
        "digest"
    ]
    return Image(name, digest, archive)


def run_output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def build_all(folder: Path, names: Sequence[str] = tuple(LAYOUTS)) -> list[Image]:
    """All images; `images.json` in the folder names each by digest."""
    ensure_packages()
    found = [build(name, folder) for name in names]
    (folder / "images.json").write_text(json.dumps({image.name: image.reference for image in found}, indent=1) + "\n")
    return found
