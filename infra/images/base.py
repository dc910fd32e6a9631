"""The Debian that images stand on: pulled by digest when `MCLOUD_BASE_IMAGE` names one, made with mmdebstrap when not.

Either way it is made once for its recipe and kept; an image's digest stands as long as its base is the same.
"""

import hashlib
import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from kit.errors import Invalid, Unavailable
from tools import programs
from tools.programs import cache, making, needed, run, say

SUITE = "bookworm"  # its Python 3.11 is the one Pulumi's state is written with
PYTHON = "3.11"
USER = 10001
NAMED = "MCLOUD_BASE_IMAGE"
EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
BASES = {
    "python": ("python3-minimal", "libpython3-stdlib", "ca-certificates", "tini", "tzdata", *programs.FONT_PACKAGES),
    "java": ("openjdk-17-jre-headless", "ca-certificates", "tini", "tzdata"),
}
#: what a system leaves behind while it is made
LEFT = ("etc/machine-id", "etc/hostname", "etc/resolv.conf", "var/lib/apt/*", "var/cache/*", "var/log/*")
#: of these, what buildah lends from the host while it runs something, and takes back
LENT = ("etc/hostname", "etc/resolv.conf")
#: shell lines that finish a root file system; `$1` is where it lies
HOOKS = (
    f'echo "mcloud:x:{USER}:{USER}::/tmp:/usr/sbin/nologin" >>"$1/etc/passwd"',
    f'echo "mcloud:x:{USER}:" >>"$1/etc/group"',
    'test ! -e "$1/usr/bin/python3" || ln -s python3 "$1/usr/bin/python"',
)


def digest_of(*parts: str | bytes) -> str:
    return hashlib.sha256(b"\0".join(p.encode() if isinstance(p, str) else p for p in parts)).hexdigest()[:12]


def buildah(*arguments: str) -> str:
    """What buildah prints; its storage lies in the cache, nothing of the machine's own is touched.

    Raises
    ------
    Unavailable
        It failed; the last thing that it, or what it started, said.
    """
    root = cache() / "buildah"
    command = [needed("buildah", "builds images"), "--root", str(root / "root"), "--runroot", str(root / "run"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = [line for line in (done.stderr or done.stdout).strip().splitlines() if "exit status" not in line]
        raise Unavailable(f"buildah {arguments[0]} failed: {' '.join(said[-1:]) or f'exit {done.returncode}'}")
    return done.stdout.strip()


def ensure_base_image(kind: str) -> str:
    """Name of the base in buildah's storage.

    Raises
    ------
    Invalid
        `MCLOUD_BASE_IMAGE` names no digest.
    Unavailable
        What it names cannot be had, or does not take the packages; the base cannot be made.
    """
    given = os.environ.get(NAMED)
    return _pulled(kind, given) if given else _made(kind)


def _kept(name: str) -> bool:
    return bool(buildah("images", "--quiet", "--filter", f"reference={name}"))


def _commit(container: str, name: str) -> None:
    buildah("commit", "--quiet", "--identity-label=false", "--timestamp=0", "--format=oci", container, name)


def _made(kind: str) -> str:
    archive = root(kind, BASES[kind])
    name = f"localhost/mcloud-base:{archive.parent.name.removeprefix('base-')}"
    if not _kept(name):
        container = buildah("from", "scratch")
        try:
            buildah("add", "--quiet", container, str(archive), "/")
            _commit(container, name)
        finally:
            buildah("rm", container)
    return name


def root(kind: str, packages: Sequence[str]) -> Path:
    """Root file system of a Debian with these packages as a tar file, made once for its recipe."""
    command = [needed("mmdebstrap", "makes the base of images"), "--variant=minbase", f"--include={','.join(packages)}"]
    command += [f"--dpkgopt=path-exclude={path}" for path in EXCLUDED]
    command += ['--essential-hook=mkdir -p "$1/usr/share/man/man1"']  # Java links a page there
    command += [f"--customize-hook={hook}" for hook in (*HOOKS, "".join(f'rm -rf "$1"/{each}; ' for each in LEFT))]
    folder = cache() / f"base-{kind}-{digest_of(SUITE, *command[1:])}"
    with making(folder, f"making a Debian base for {kind}, about 40 s") as draft:
        if draft is not None:
            run(["env", "SOURCE_DATE_EPOCH=0", *command, SUITE, str(draft / "root.tar")], what=f"making the base for {kind}")
    return folder / "root.tar"


def _pulled(kind: str, reference: str) -> str:
    """The named image with the packages and the user that ours has."""
    if not re.fullmatch(r"\S+@sha256:[0-9a-f]{64}", reference):
        raise Invalid(f"{NAMED}={reference} names no digest: write name@sha256:… with its 64 digits, or unset it")
    script = _finishing(kind)
    name = f"localhost/mcloud-base:{kind}-{digest_of(reference, script)}"
    if _kept(name):
        return name
    say(f"images: taking {reference} as the base for {kind}, about 60 s")
    try:
        container = buildah("from", reference)
    except Unavailable as failed:
        raise Unavailable(f"{NAMED}={reference} cannot be had ({failed.detail}): name another, or unset it") from None
    try:
        buildah("run", "--user=root", "--network=host", container, "--", "sh", "-c", script, "sh", "")
        _commit(container, name)
    except Unavailable as failed:
        raise Unavailable(f"{NAMED}={reference} does not serve as the base for {kind}: {failed.detail}") from None
    finally:
        buildah("rm", container)
    return name


def _finishing(kind: str) -> str:
    """What is run inside a pulled base; `$1` is empty, so that the hooks speak of its root."""
    packages = " ".join(BASES[kind])
    excluded = " ".join(shlex.quote(f"-oDpkg::Options::=--path-exclude={path}") for path in EXCLUDED)
    # one that has them all needs no package server: so it is in a closed network
    lines = [
        "set -e",
        f"dpkg -s {packages} >/dev/null 2>&1 || {{ mkdir -p /usr/share/man/man1; apt-get -qq update; "
        f"DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends {excluded} {packages} >/dev/null; }}",
        "rm -f /usr/bin/python; sed -i /^mcloud:/d /etc/passwd /etc/group",  # of a base that was prepared before
        *HOOKS,
        *(f"rm -rf /{each}" for each in LEFT if each not in LENT),
    ]
    if kind == "python":
        asked = f"import sys; told = '%d.%d' % sys.version_info[:2]; sys.exit(told != '{PYTHON}' and f'its Python is {{told}}')"
        lines.insert(2, f"python3 -c {shlex.quote(asked)}")
    return "\n".join(lines)
