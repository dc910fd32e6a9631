"""How each program of a site is started. Pure: commands from places."""

from infra.testbed.files import kubeconfig_of, pki
from infra.testbed.place import API_PORT, KUBELET, Place
from tools import cluster

ETCD = "https://127.0.0.1:2379"


def _flags(**options: object) -> list[str]:
    return [f"--{name.replace('_', '-')}={str(value).lower() if value is True or value is False else value}"
            for name, value in options.items()]  # fmt: skip


def first(place: Place) -> dict[str, list[str]]:
    """What runs before there is a cluster: store, container runtime, API server."""
    return {"etcd": _etcd(place), "containerd": ["containerd", "--config", f"{place.folder}/containerd.toml"],
            "apiserver": _apiserver(place)}  # fmt: skip


def _etcd(place: Place) -> list[str]:
    keys = pki(place)
    peer = "http://127.0.0.1:2380"  # a single member: nobody else speaks on it
    return [str(cluster.kube()), "etcd", *_flags(
        name=place.site, data_dir=place.folder / "etcd", listen_client_urls=ETCD, advertise_client_urls=ETCD,
        listen_peer_urls=peer, initial_advertise_peer_urls=peer, initial_cluster=f"{place.site}={peer}",
        cert_file=keys / "etcd.crt", key_file=keys / "etcd.key", client_cert_auth=True, trusted_ca_file=keys / "etcd-ca.crt",
        unsafe_no_fsync=True, log_level="warn",
    )]  # fmt: skip


def _apiserver(place: Place) -> list[str]:
    keys = pki(place)
    return [str(cluster.kube()), "apiserver", *_flags(
        etcd_servers=ETCD, etcd_cafile=keys / "etcd-ca.crt", etcd_certfile=keys / "apiserver-etcd.crt",
        etcd_keyfile=keys / "apiserver-etcd.key", encryption_provider_config=keys / "encryption.yaml",
        secure_port=API_PORT, bind_address="0.0.0.0", advertise_address=place.node,  # noqa: S104  # all of its own namespace
        tls_cert_file=keys / "apiserver.crt", tls_private_key_file=keys / "apiserver.key", client_ca_file=keys / "ca.crt",
        anonymous_auth=False, authorization_mode="Node,RBAC", enable_admission_plugins="NodeRestriction",
        service_account_issuer="https://kubernetes.default.svc", service_account_key_file=keys / "service-accounts.pub",
        service_account_signing_key_file=keys / "service-accounts.key", service_cluster_ip_range=place.services,
        kubelet_certificate_authority=keys / "ca.crt", kubelet_client_certificate=keys / "apiserver-kubelet.crt",
        kubelet_client_key=keys / "apiserver-kubelet.key", kubelet_preferred_address_types="InternalIP",
        allow_privileged=True, profiling=False, event_ttl="1h",
    )]  # fmt: skip


def then(place: Place) -> dict[str, list[str]]:
    """What runs once the API server answers."""
    kube, keys = str(cluster.kube()), pki(place)
    return {
        "controllers": [kube, "controller-manager", *_flags(
            kubeconfig=kubeconfig_of(place, "controller-manager"), use_service_account_credentials=True,
            service_account_private_key_file=keys / "service-accounts.key", root_ca_file=keys / "ca.crt",
            cluster_name=place.site, cluster_cidr=place.pods, allocate_node_cidrs=True, node_cidr_mask_size=24,
            leader_elect=False, profiling=False,
        )],
        "scheduler": [kube, "scheduler", *_flags(
            kubeconfig=kubeconfig_of(place, "scheduler"), leader_elect=False, profiling=False,
        )],
        "kubelet": [kube, "kubelet", *_flags(
            config=place.folder / "kubelet.yaml", kubeconfig=kubeconfig_of(place, "kubelet"), hostname_override=place.site,
            node_ip=place.node, root_dir=KUBELET, cert_dir=f"{KUBELET}/pki",
        )],
        "proxy": [kube, "proxy", *_flags(
            kubeconfig=kubeconfig_of(place, "proxy"), hostname_override=place.site, cluster_cidr=place.pods,
            proxy_mode="iptables", conntrack_max_per_core=0, conntrack_tcp_timeout_established="0s",
            conntrack_tcp_timeout_close_wait="0s", oom_score_adj=0, metrics_bind_address="127.0.0.1:10249",
            healthz_bind_address="127.0.0.1:10256",
        )],
    }  # fmt: skip


def last(place: Place) -> dict[str, list[str]]:
    """What needs the node to be registered: the enforcement of network policies."""
    return {"kube-router": [str(cluster.kube_router()), *_flags(
        kubeconfig=kubeconfig_of(place, "kube-router"), hostname_override=place.site, run_firewall=True, run_router=False,
        run_service_proxy=False, run_loadbalancer=False, service_cluster_ip_range=place.services, metrics_port=0,
        health_port=0,
    )]}  # fmt: skip
