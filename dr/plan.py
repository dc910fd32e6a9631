"""What to back up and what to restore from. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from dr.model import Manifest
from kit.errors import NotFound

#: a base is taken anew when the last is older
BASE_EVERY = timedelta(days=1)


def needs_base(manifests: Sequence[Manifest], *, now: datetime, base_taken_at: datetime | None, must_begin_anew: bool) -> bool:
    """Whether the next backup takes a base: the first, a day after the last, or after an import or a migration."""
    return not manifests or must_begin_anew or base_taken_at is None or now - base_taken_at >= BASE_EVERY


def choose(manifests: Sequence[Manifest], until: datetime | None) -> Manifest:
    """The manifest to restore from: the newest, or the first that holds everything up to `until`.

    Raises
    ------
    NotFound
        There is none, or nothing was sealed so late.
    """
    if not manifests:
        raise NotFound("the recovery site holds no backup of this tenant")
    if until is None:
        return manifests[-1]
    reaching = [each for each in manifests if each.segment_sealed_at >= until]
    if not reaching:
        raise NotFound(f"nothing is sealed after {manifests[-1].segment_sealed_at.isoformat()}: choose an earlier moment")
    return reaching[0]


def choose_base(manifests: Sequence[Manifest], chosen: Manifest, until: datetime | None) -> Manifest:
    """The manifest whose base the restore begins with: the newest one not later than the moment asked for."""
    bases = [each for each in manifests if each.number <= chosen.number and each.snapshot == each.base_snapshot]
    fitting = [each for each in bases if until is None or each.at <= until]
    if not fitting:
        raise NotFound("no base was taken before that moment")
    return fitting[-1]


def rpo(lost_at: datetime, sealed_at: datetime) -> timedelta:
    """Age of the newest recoverable change when the site was lost; never negative."""
    return max(lost_at - sealed_at, timedelta(0))
