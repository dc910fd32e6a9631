"""Images of a site: packed from single static programs, and brought into its container runtime from files."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from infra.testbed.namespaces import inside, run
from infra.testbed.place import CONTAINERD, Place
from kit.errors import Unavailable
from tools import cluster

PAUSE = f"localhost/pause:{cluster.PAUSE}"
COREDNS = f"localhost/coredns:{cluster.COREDNS}"


def _member(archive: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)  # time 0, owner 0: the same bytes give the same digest
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))


def archive(members: list[tuple[str, bytes, int]]) -> bytes:
    """A tar file of the members: name, bytes, mode."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data, mode in members:
            _member(archive, name, data, mode)
    return packed.getvalue()


def pack(program: Path, reference: str, target: Path) -> Path:
    """An image archive holding one static program, run as user 65532; the same program gives the same digest."""
    layer = archive([(program.name, program.read_bytes(), 0o755)])
    return pack_layers([layer], reference, [f"/{program.name}"], target, User="65532:65532", Env=["PATH=/"])


def pack_layers(layers: list[bytes], reference: str, entry: list[str], target: Path, **more: Any) -> Path:
    """An image archive of the layers (tar files), begun by `entry`; `more` as the image format names it."""
    config: dict[str, Any] = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": entry, **more},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]},
    }
    text = json.dumps(config, sort_keys=True).encode()
    name = f"{hashlib.sha256(text).hexdigest()}.json"
    files = {f"layer-{number}.tar": layer for number, layer in enumerate(layers)}
    manifest = json.dumps([{"Config": name, "RepoTags": [reference], "Layers": list(files)}]).encode()
    members = [(name, text), *files.items(), ("manifest.json", manifest)]
    draft = target.with_suffix(".draft")
    draft.write_bytes(archive([(name, data, 0o644) for name, data in members]))
    return draft.rename(target)


def present(place: Place) -> dict[str, str]:
    """Names of the site's images, each with its digest."""
    table = run(*inside(place, "ctr", "--address", CONTAINERD, "--namespace", "k8s.io", "images", "list")).splitlines()[1:]
    return {row.split()[0]: row.split()[2] for row in table}


def load(place: Place, archive: Path, *how: str) -> None:
    """Bring an archive's images into the site's container runtime."""
    run(*inside(place, "ctr", "--address", CONTAINERD, "--namespace", "k8s.io", "images", "import", *how, str(archive)))


def ensure_platform(place: Place, name: str, reference: str, archive: Path) -> bool:
    """An image of the platform, from its archive, under its name with digest; False when it was there."""
    if reference in present(place):
        return False
    load(place, archive, "--digests", f"--base-name=localhost/{name}")
    if reference not in present(place):
        raise Unavailable(f"{archive} does not hold {reference}: build the images again")
    return True


def ensure_base(place: Place) -> bool:
    """The images every site needs before its first pod; False when they were there."""
    there, changed = present(place), False
    for reference, program in ((PAUSE, cluster.pause), (COREDNS, cluster.coredns)):
        if reference not in there:
            archive = place.folder / f"{program.__name__}.tar"
            load(place, pack(program(), reference, archive))
            archive.unlink()
            changed = True
    return changed
