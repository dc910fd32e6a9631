"""What the programs of a site read: certificates, kubeconfigs and configurations. Written once, then left as they are."""

import base64
import json
import secrets
from pathlib import Path
from typing import Any

import yaml

from infra.manifests import kubeconfig
from infra.testbed.certificates import Authority, ensure_key, write_secret
from infra.testbed.images import PAUSE
from infra.testbed.place import API_PORT, CONTAINERD, Place

#: user of the cluster -> the group it belongs to
USERS = {
    "admin": ("system:masters", "mcloud-testbed"),
    "controller-manager": (None, "system:kube-controller-manager"),
    "scheduler": (None, "system:kube-scheduler"),
    "proxy": (None, "system:kube-proxy"),
    "kube-router": (None, "kube-router"),
}


def pki(place: Place) -> Path:
    return place.folder / "pki"


def kubeconfig_of(place: Place, user: str) -> Path:
    return place.folder / "kubeconfigs" / f"{user}.kubeconfig"


def ensure(place: Place) -> None:
    """All files of the site."""
    for part in ("pki", "kubeconfigs", "cni", "etcd", "volumes"):
        (place.folder / part).mkdir(mode=0o700 if part in ("pki", "kubeconfigs", "etcd") else 0o755, parents=True, exist_ok=True)
    _certificates(place)
    _put(place.folder / "cni" / "10-bridge.conflist", json.dumps(_container_network(place)))
    _put(place.folder / "containerd.toml", _containerd(place))
    _put(place.folder / "kubelet.yaml", yaml.safe_dump(_kubelet(place)))


def _put(file: Path, text: str) -> None:
    if not file.exists() or file.read_text() != text:
        write_secret(file, text)


def _certificates(place: Place) -> None:
    folder = pki(place)
    authority = Authority(folder, "ca", f"mcloud testbed {place.site}")
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost"]
    authority.issue("apiserver", "kube-apiserver", hosts=[*names, place.node, place.link, place.service(1), "127.0.0.1"])
    authority.issue("apiserver-kubelet", "kube-apiserver-kubelet-client", "system:masters")
    node = authority.issue("kubelet", f"system:node:{place.site}", "system:nodes", hosts=[place.site, place.node])
    _write_kubeconfig(kubeconfig_of(place, "kubelet"), place, node)
    for user, (organization, name) in USERS.items():
        _write_kubeconfig(kubeconfig_of(place, user), place, authority.issue(user, name, organization))
    if not place.kubeconfig.exists():
        write_secret(place.kubeconfig, kubeconfig_of(place, "admin").read_text())
    # an authority of its own: who may talk to the cluster must not thereby open its store
    store = Authority(folder, "etcd-ca", f"mcloud testbed {place.site} etcd")
    store.issue("etcd", "etcd", hosts=["127.0.0.1", "localhost"])
    store.issue("apiserver-etcd", "kube-apiserver")
    ensure_key(folder / "service-accounts.key")
    if not (folder / "encryption.yaml").exists():
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        providers = [{"secretbox": {"keys": [{"name": "1", "secret": key}]}}]
        write_secret(
            folder / "encryption.yaml",
            yaml.safe_dump(
                {
                    "apiVersion": "apiserver.config.k8s.io/v1",
                    "kind": "EncryptionConfiguration",
                    "resources": [{"resources": ["secrets"], "providers": providers}],
                }
            ),
        )


def _write_kubeconfig(file: Path, place: Place, pair: tuple[Path, Path]) -> None:
    """Complete in itself: certificates inside, so that the file can be carried away."""
    if file.exists():
        return
    inline = {name: base64.b64encode(part.read_bytes()).decode() for name, part in zip(("crt", "key"), pair, strict=True)}
    authority = base64.b64encode((pki(place) / "ca.crt").read_bytes()).decode()
    cluster = {"server": f"https://{place.node}:{API_PORT}", "certificate-authority-data": authority}
    user = {"client-certificate-data": inline["crt"], "client-key-data": inline["key"]}
    write_secret(file, yaml.safe_dump(kubeconfig(place.site, cluster, user)))


def _container_network(place: Place) -> dict[str, Any]:
    # no route out: a pod reaches pods, services and, while the link is whole, the other site
    ranges = [[{"subnet": place.pods}]]
    address = {"type": "host-local", "dataDir": "/run/cni", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": False, "hairpinMode": True, "ipam": address}
    return {
        "cniVersion": "0.4.0",
        "name": "site",
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }


def _containerd(place: Place) -> str:
    # restrict_oom_score_adj: else every sandbox fails where we lack CAP_SYS_RESOURCE
    return f"""version = 2
root = "{place.folder}/containerd"
state = "/run/containerd/state"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "{CONTAINERD}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{place.folder}/cni"
"""


def _kubelet(place: Place) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki(place) / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki(place) / "kubelet.crt"),
        "tlsPrivateKeyFile": str(pki(place) / "kubelet.key"),
        "address": place.node,
        "healthzBindAddress": "127.0.0.1",
        "readOnlyPort": 0,
        "clusterDNS": [place.service(10)],
        "clusterDomain": "cluster.local",
        "resolvConf": "",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD}",
        "podLogsDir": str(place.folder / "logs"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{place.group}/pods",
        "enforceNodeAllocatable": ["pods"],
        "failSwapOn": False,
        "failCgroupV1": False,
        "oomScoreAdj": 0,
        "evictionHard": {"memory.available": "100Mi"},
        # one pod neither takes all process numbers nor fills the disk for a minute before anybody looks
        "podPidsLimit": 2048,
        "volumeStatsAggPeriod": "10s",
        # images come by import and cannot be pulled again
        "imageGCHighThresholdPercent": 100,
        "serializeImagePulls": False,
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
    }
