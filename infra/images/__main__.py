"""`python -m infra.images`: build both images; archives and `images.json` lie in `<home>/images` afterwards."""

import sys

from infra.images.build import build_all
from infra.run import EXIT, tell
from kit.errors import CallerError
from tenants.home import home


def main() -> int:
    try:
        found = build_all(home().path / "images")
    except CallerError as wrong:
        tell("error", status=wrong.status, detail=wrong.detail)
        return EXIT.get(type(wrong), 1)
    tell("result", images={image.name: image.reference for image in found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
