"""The recovery site pulls the primary's repository, file by file, and never deletes.

Files of a restic repository are named by the SHA-256 of their content: each is checked on the way. Indexes and snapshots come
last, so that a pull that was killed leaves no snapshot without its data.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx2

from dr.restic import Repository, client
from kit.errors import Conflict, Unavailable

LISTING = {"Accept": "application/vnd.x.restic.rest.v2"}
KINDS = ("keys", "data", "index", "snapshots")


@dataclass(frozen=True)
class Pulled:
    """What one pull copied."""

    files: int
    bytes: int


def pull(source: Repository, target: Repository) -> Pulled:
    """Copy every file that the target lacks.

    Raises
    ------
    Unavailable
        One of the servers does not answer or refuses.
    Conflict
        A file is not what its name says, or the target holds another repository.
    """
    files = size = 0
    with client(source) as here, client(target) as there:
        files += _pull_config(here, there)
        for kind in KINDS:
            missing = sorted(_listing(here, kind).keys() - _listing(there, kind).keys())
            with ThreadPoolExecutor(4) as pool:
                sizes = list(pool.map(lambda name, kind=kind: _copy(here, there, kind, name), missing))
            files += len(sizes)
            size += sum(sizes)
    return Pulled(files, size)


def _ask(client: httpx2.Client, method: str, path: str, *, good: tuple[int, ...] = (200,), **options: object) -> httpx2.Response:
    try:
        answer = client.request(method, path, **options)  # type: ignore[arg-type]
    except httpx2.HTTPError as wrong:
        raise Unavailable(f"the backup server at {client.base_url} does not answer ({type(wrong).__name__})") from None
    if answer.status_code not in good:
        raise Unavailable(f"the backup server at {client.base_url} answers {answer.status_code} to {method} {path.split('/')[0]}")
    return answer


def _listing(client: httpx2.Client, kind: str) -> dict[str, int]:
    answer = _ask(client, "GET", f"{kind}/", good=(200, 404), headers=LISTING)
    return {each["name"]: each["size"] for each in answer.json()} if answer.status_code == 200 else {}


def _pull_config(here: httpx2.Client, there: httpx2.Client) -> int:
    wanted = _ask(here, "GET", "config").content
    present = _ask(there, "GET", "config", good=(200, 404))
    if present.status_code == 200:
        if present.content != wanted:
            raise Conflict(f"{there.base_url} holds another repository: nothing was copied")
        return 0
    _ask(there, "POST", "?create=true")
    _ask(there, "POST", "config", content=wanted)
    return 1


def _copy(here: httpx2.Client, there: httpx2.Client, kind: str, name: str) -> int:
    content = _ask(here, "GET", f"{kind}/{name}").content
    if hashlib.sha256(content).hexdigest() != name:
        raise Conflict(f"{kind}/{name[:8]} at the primary is not what its name says: it was not copied")
    # 403: another pull laid it there first, and nobody may replace it
    _ask(there, "POST", f"{kind}/{name}", content=content, good=(200, 403))
    return len(content)


def missing(at: Repository, wanted: set[str]) -> set[str]:
    """Snapshots of `wanted` that the site does not list."""
    with client(at) as there:
        return wanted - _listing(there, "snapshots").keys()
