"""`python -m platform_api`: the counter of this instance."""

import sys

import uvicorn

from kit import log
from kit.errors import CallerError
from platform_api.main import build
from tenants.home import home


def main() -> int:
    here = home()
    log.configure(system="platform_api")
    try:
        app = build(here)
    except CallerError as wrong:
        sys.stderr.write(f"platform_api: {wrong.detail}\n")
        return 6
    host, port = here.hosts.listen, here.ports.platform_api
    uvicorn.run(app, host=host, port=port, log_config=None, access_log=False, server_header=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
