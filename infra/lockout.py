"""Whoever lands a site must be among those whom its guards let build: else the first apply is the last."""

from infra.cluster import Cluster
from infra.config import PREFIX, SiteConfig
from kit.errors import Forbidden


def words(cluster: Cluster, config: SiteConfig) -> str:
    """Why the site's guards would refuse us; empty when they would let us build."""
    user, groups = cluster.who_we_are()
    if {user, *groups} & set(config.landing):
        return ""
    return (
        f"user {user} (groups {', '.join(groups) or 'none'}) is not in {PREFIX}landing ({', '.join(config.landing)}): the "
        f"guards of the site would refuse all that comes after; add the user or one of the groups to {PREFIX}landing in the "
        "site's stack file, or use credentials that stand there"
    )


def check(cluster: Cluster, config: SiteConfig) -> None:
    """Refuse before anything is applied.

    Raises
    ------
    Forbidden
        Neither our user name nor any of our groups stands in `mcloud:landing`.
    """
    told = words(cluster, config)
    if told:
        raise Forbidden(told)
