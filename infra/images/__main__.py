"""`python -m infra.images`: build both images; archives and `images.json` lie in `<home>/images` afterwards."""

import sys

from infra.images.build import build_all
from kit.events import told
from tenants.home import home


def _build() -> dict[str, object]:
    return {"images": {image.name: image.reference for image in build_all(home().path / "images")}}


def main() -> int:
    return told("images", _build)


if __name__ == "__main__":
    sys.exit(main())
