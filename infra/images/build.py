"""Build the images: a Debian base made once, the locked packages installed once, the source on top.

Everything is laid out with fixed times and owners; layers are neither compressed nor dated. An unchanged tree gives an
unchanged digest as long as the base in the cache is the same; a new base is made when its recipe changes.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kit.errors import Unavailable
from tools import programs
from tools.cluster import ensure_packages, pulumi
from tools.programs import cache, making, needed, run

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
SUITE = "bookworm"  # its Python 3.11 is the one Pulumi's state is written with
USER = 10001
SOURCES = ("kit", "systems", "tenants", "infra", "dr", "platform_api", "tools", "charts", "Pulumi.yaml", "pyproject.toml")
EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
BASES = {
    "python": ("python3-minimal", "libpython3-stdlib", "ca-certificates", "tini", "tzdata", *programs.FONT_PACKAGES),
    "java": ("openjdk-17-jre-headless", "ca-certificates", "tini", "tzdata"),
}
#: what a system leaves behind while it is made
LEFT = ("etc/machine-id", "etc/hostname", "etc/resolv.conf", "var/lib/apt/*", "var/cache/*", "var/log/*")


@dataclass(frozen=True)
class Image:
    """A built image: `reference` is by digest; `archive` in OCI form for any container runtime."""

    name: str
    digest: str
    archive: Path

    @property
    def reference(self) -> str:
        return f"localhost/{self.name}@{self.digest}"


def _digest_of(*parts: str | bytes) -> str:
    return hashlib.sha256(b"\0".join(p.encode() if isinstance(p, str) else p for p in parts)).hexdigest()[:12]


def _base(kind: str) -> Path:
    """Root file system of a base as a tar file, made once for its recipe."""
    hooks = [
        f'echo "mcloud:x:{USER}:{USER}::/tmp:/usr/sbin/nologin" >>"$1/etc/passwd"',
        f'echo "mcloud:x:{USER}:" >>"$1/etc/group"',
        'test ! -e "$1/usr/bin/python3" || ln -s python3 "$1/usr/bin/python"',
        "".join(f'rm -rf "$1"/{each}; ' for each in LEFT),
    ]
    command = [needed("mmdebstrap", "makes the base of images"), "--variant=minbase", f"--include={','.join(BASES[kind])}"]
    command += [f"--dpkgopt=path-exclude={path}" for path in EXCLUDED]
    command += ['--essential-hook=mkdir -p "$1/usr/share/man/man1"']  # Java links a page there
    command += [f"--customize-hook={hook}" for hook in hooks]
    folder = cache() / f"base-{kind}-{_digest_of(SUITE, *command[1:])}"
    with making(folder, f"making a Debian base for {kind}, about 40 s") as draft:
        if draft is not None:
            run(["env", "SOURCE_DATE_EPOCH=0", *command, SUITE, str(draft / "root.tar")], what=f"making the base for {kind}")
    return folder / "root.tar"


def _packages() -> Path:
    """The locked packages that run, without those of development, installed once for the lock."""
    lock, project = ROOT / "requirements.lock", ROOT / "pyproject.toml"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache() / f"packages-{_digest_of(lock.read_bytes(), project.read_bytes(), version)}"
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


def _lay_out_python(context: Path) -> None:
    # linked, not copied: a gigabyte that nobody writes to
    shutil.copytree(_packages(), context / "packages", symlinks=True, copy_function=os.link)
    for folder in (programs.restic().parent, programs.rest_server().parent, pulumi().parent):
        _copy(folder, context / "programs" / folder.name)
    (context / "programs" / "bin").mkdir()
    for program in ("restic", "rest-server", "pulumi", "pulumi-language-python"):
        found = next((context / "programs").glob(f"*/{program}"))
        (context / "programs" / "bin" / program).symlink_to(f"../{found.parent.name}/{program}")
    for source in SOURCES:
        if (ROOT / source).exists():
            _copy(ROOT / source, context / "app" / source)


def _lay_out_keycloak(context: Path) -> None:
    _copy(programs.keycloak(), context / "keycloak")


LAYOUTS: dict[str, tuple[str, str, Callable[[Path], None]]] = {
    "mcloud": ("python", "Containerfile", _lay_out_python),
    "mcloud-keycloak": ("java", "Containerfile.keycloak", _lay_out_keycloak),
}


def _copy(source: Path, target: Path) -> None:
    """Readable by all, written by nobody, without what Python leaves behind in a source tree."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        shutil.copyfile(source, target)
        target.chmod(0o444)
        return
    leave = shutil.ignore_patterns("__pycache__") if source.is_relative_to(ROOT) else None
    shutil.copytree(source, target, symlinks=True, ignore=leave)
    for file in (target, *target.rglob("*")):
        if not file.is_symlink():
            file.chmod(0o755 if file.is_dir() else 0o555 if file.stat().st_mode & 0o100 else 0o444)


def _buildah(*arguments: str) -> str:
    """What buildah prints; its storage lies in the cache, nothing of the machine's own is touched."""
    root = cache() / "buildah"
    command = [needed("buildah", "builds images"), "--root", str(root / "root"), "--runroot", str(root / "run"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise Unavailable(f"buildah {arguments[0]} failed: {' '.join(last)}")
    return done.stdout.strip()


def _ensure_base_image(kind: str) -> str:
    archive = _base(kind)
    name = f"localhost/mcloud-base:{archive.parent.name.removeprefix('base-')}"
    if not _buildah("images", "--quiet", "--filter", f"reference={name}"):
        container = _buildah("from", "scratch")
        _buildah("add", "--quiet", container, str(archive), "/")
        _buildah("commit", "--quiet", "--rm", "--timestamp=0", "--format=oci", container, name)
    return name


def build(name: str, folder: Path) -> Image:
    """Build an image and lay its archive into the folder as `<name>.tar`."""
    kind, file, lay_out = LAYOUTS[name]
    base, archive = _ensure_base_image(kind), folder / f"{name}.tar"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache(), prefix=".context-") as scratch:
        context = Path(scratch)
        lay_out(context)
        _buildah("build", "--quiet", "--layers", "--timestamp=0", "--format=oci", f"--build-arg=BASE={base}", "--pull-never",
                 f"--file={HERE / file}", f"--tag=localhost/{name}:built", str(context))  # fmt: skip
    draft = archive.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    _buildah("push", "--quiet", "--disable-compression", "--format=oci", f"localhost/{name}:built", f"oci-archive:{draft}:{name}")
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
