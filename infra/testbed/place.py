"""Names and addresses of a testbed: derived from its home, so that two on one machine do not meet. Pure but for the book kept."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kit.errors import Unavailable
from tenants.home import Home, SiteName

SITES: tuple[SiteName, ...] = ("primary", "recovery")
#: networks to choose from: 198.18.0.0/15, set aside for tests of networks (RFC 2544); a testbed takes one /24 of them
NETWORKS = 512
API_PORT = 6443
#: inside a site's own mounts, so that a long home makes no socket's path too long; the second is the site's folder `kubelet`
CONTAINERD, KUBELET = "/run/containerd/containerd.sock", "/run/kubelet"


@dataclass(frozen=True)
class Testbed:
    """The testbed of a home."""

    __test__ = False  # not a test, whatever its name begins with
    home: Home

    @property
    def folder(self) -> Path:
        return self.home.path / "testbed"

    @cached_property
    def identifier(self) -> str:
        """Six hexadecimal digits; part of every name that the kernel sees."""
        return hashlib.sha256(str(self.home.path).encode()).hexdigest()[:6]

    @property
    def group(self) -> str:
        """Control group of everything that runs for this testbed."""
        return f"mcloud-{self.identifier}"

    @property
    def network_file(self) -> Path:
        return self.folder / "network"

    @property
    def network(self) -> int:
        """Which of the networks is ours.

        Raises
        ------
        Unavailable
            None was taken yet: no site is up.
        """
        if not self.network_file.exists():
            raise Unavailable("the testbed is down: `mcloud testbed up` raises it")
        return int(self.network_file.read_text())

    def place(self, site: SiteName) -> "Place":
        return Place(self, site)


def prefix(network: int) -> str:
    """First three numbers of a network's addresses."""
    return f"198.{18 + network // 256}.{network % 256}"


@dataclass(frozen=True)
class Place:
    """Where one site lies. On the host: one folder, one control group, one end of a cable."""

    testbed: Testbed
    site: SiteName

    @property
    def _index(self) -> int:
        return SITES.index(self.site)

    def _address(self, last: int) -> str:
        return f"{prefix(self.testbed.network)}.{last}"

    @property
    def folder(self) -> Path:
        return self.testbed.folder / self.site

    @property
    def lost_file(self) -> Path:
        """Evidence of the site's loss; there while it is lost."""
        return self.testbed.folder / f"{self.site}.lost.json"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's, for people and programs on this machine."""
        return self.testbed.folder / f"{self.site}.kubeconfig"

    @property
    def group(self) -> str:
        return f"{self.testbed.group}/{self.site}"

    @property
    def device(self) -> str:
        """The host's end of the cable to the site; at most 15 letters."""
        return f"mc{self.testbed.identifier}{self.site[0]}"

    @property
    def host(self) -> str:
        """The host's address on the cable to the site."""
        return self._address(1 + 4 * self._index)

    @property
    def node(self) -> str:
        """The site's address as seen from the host; node ports answer there."""
        return self._address(2 + 4 * self._index)

    @property
    def link(self) -> str:
        """The site's address on the link between the sites."""
        return self._address(9 + self._index)

    @property
    def pods(self) -> str:
        return f"10.{90 + self._index}.0.0/24"

    @property
    def services(self) -> str:
        return f"10.{100 + self._index}.0.0/16"

    def service(self, last: int) -> str:
        """The n-th address of the services' range: 1 is the API server's, 10 the name server's."""
        return f"10.{100 + self._index}.0.{last}"

    @property
    def other(self) -> "Place":
        return Place(self.testbed, SITES[1 - self._index])

    def facts(self) -> dict[str, Any]:
        """What those who build on the site need to know."""
        return {
            "kubeconfig": str(self.kubeconfig),
            "api": f"https://{self.node}:{API_PORT}",
            "node": self.node,
            "host": self.host,
            "link_address": self.link,
            "pods": self.pods,
            "services": self.services,
            "dns": self.service(10),
            "names": f"svc.{self.site}.mcloud",
        }
