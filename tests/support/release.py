"""A release that is to come: the platform's image with one file more, for a site that has the image already."""

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

from infra.images.build import Image
from infra.testbed import images

LAYER = "application/vnd.oci.image.layer.v1.tar"


def _described(blob: bytes) -> dict[str, Any]:
    return {"digest": f"sha256:{hashlib.sha256(blob).hexdigest()}", "size": len(blob)}


def with_file(whole: Path, file: str, text: str, target: Path) -> Image:
    """The image of the archive with that file laid over it, as an archive that holds what is new and leaves out what is not."""
    with tarfile.open(whole) as found:

        def read(name: str) -> Any:
            member = found.extractfile(name)
            assert member
            return json.load(member)

        index = read("index.json")
        manifest = read(f"blobs/sha256/{index['manifests'][0]['digest'].partition(':')[2]}")
        config = read(f"blobs/sha256/{manifest['config']['digest'].partition(':')[2]}")
    layer = images.archive([(file, text.encode(), 0o444)])
    config["rootfs"]["diff_ids"].append(_described(layer)["digest"])
    config["history"].append({"created_by": f"{file} laid over"})
    manifest["layers"].append({"mediaType": LAYER} | _described(layer))
    settings = json.dumps(config).encode()
    manifest["config"] |= _described(settings)
    text_of_manifest = json.dumps(manifest).encode()
    index["manifests"][0] |= _described(text_of_manifest)
    blobs = [(f"blobs/sha256/{_described(each)['digest'][7:]}", each) for each in (layer, settings, text_of_manifest)]
    heads = [("index.json", json.dumps(index).encode()), ("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')]
    target.write_bytes(images.archive([(name, blob, 0o644) for name, blob in (*heads, *blobs)]))
    return Image(whole.stem, _described(text_of_manifest)["digest"], target)
