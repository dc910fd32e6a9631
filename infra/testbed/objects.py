"""What stands in every site's cluster from the start: rights of its programs, the name server, storage. Pure."""

from typing import Any

from infra.testbed.images import COREDNS
from infra.testbed.place import Place

#: volumes laid out in advance: there is no provisioner on one machine
VOLUMES = 24
VOLUME_SIZE = "10Gi"
Objects = list[dict[str, Any]]

_NAMES = """%(other)s.mcloud:53 {
    errors
    rewrite name suffix .%(other)s.mcloud .cluster.local answer auto
    forward . %(server)s
}
.:53 {
    errors
    health :8080
    ready :8181
    kubernetes cluster.local in-addr.arpa {
        pods disabled
        ttl 5
    }
    cache 5
}
"""


def build(place: Place) -> Objects:
    """All objects of a site."""
    return [*_rights(), *_name_server(place), *_storage(place)]


def _rights() -> Objects:
    read = ["get", "list", "watch"]
    watched = ["namespaces", "pods", "services", "nodes", "endpoints"]
    found: Objects = []
    for name, subject, rules in (
        (
            "kube-router",
            {"kind": "User", "name": "kube-router", "apiGroup": "rbac.authorization.k8s.io"},
            [
                {"apiGroups": [""], "resources": watched, "verbs": read},
                {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": read},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
            ],
        ),
        (
            "mcloud:coredns",
            {"kind": "ServiceAccount", "name": "coredns", "namespace": "kube-system"},
            [
                {"apiGroups": [""], "resources": ["services", "namespaces", "endpoints", "pods"], "verbs": ["list", "watch"]},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
            ],
        ),
    ):
        found.append(_object("rbac.authorization.k8s.io/v1", "ClusterRole", name, rules=rules))
        role = {"kind": "ClusterRole", "name": name, "apiGroup": "rbac.authorization.k8s.io"}
        found.append(_object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", name, roleRef=role, subjects=[subject]))
    return found


def _object(version: str, kind: str, name: str, *, namespace: str | None = None, **body: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **body}


def _name_server_pod() -> dict[str, Any]:
    probe = {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1}
    container = {
        "name": "coredns",
        "image": COREDNS,
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [{"containerPort": 53, "protocol": each} for each in ("UDP", "TCP")],
        "readinessProbe": probe,
        "resources": {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
    }
    return {
        "serviceAccountName": "coredns",
        "dnsPolicy": "Default",
        "priorityClassName": "system-cluster-critical",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
            # policies see the port behind the service: it is 53 as on other clusters, without a capability
            "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
        },
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }


def _name_server(place: Place) -> Objects:
    labels = {"k8s-app": "kube-dns"}
    template = {"metadata": {"labels": labels}, "spec": _name_server_pod()}
    ports = [{"name": f"dns-{each.lower()}", "port": 53, "targetPort": 53, "protocol": each} for each in ("UDP", "TCP")]
    spec = {"clusterIP": place.service(10), "selector": labels, "ports": ports}
    where = {"namespace": "kube-system"}
    # the other site's services are known here as <service>.<namespace>.svc.<site>.mcloud, while the link is whole
    names = _NAMES % {"other": place.other.site, "server": place.other.service(10)}
    deployment = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return [
        _object("v1", "ServiceAccount", "coredns", **where),
        _object("v1", "ConfigMap", "coredns", data={"Corefile": names}, **where),
        _object("apps/v1", "Deployment", "coredns", spec=deployment, **where),
        _object("v1", "Service", "kube-dns", spec=spec, **where),
    ]


def _storage(place: Place) -> Objects:
    storage = _object(
        "storage.k8s.io/v1",
        "StorageClass",
        "local",
        provisioner="kubernetes.io/no-provisioner",
        volumeBindingMode="WaitForFirstConsumer",
    )
    storage["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    here = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [place.site]}]}
    return [storage] + [
        _object(
            "v1",
            "PersistentVolume",
            f"local-{number:02d}",
            spec={
                "capacity": {"storage": VOLUME_SIZE},
                "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": "local",
                "local": {"path": str(volume(place, number))},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [here]}},
            },
        )
        for number in range(1, VOLUMES + 1)
    ]


def volume(place: Place, number: int) -> Any:
    """Folder of a volume."""
    return place.folder / "volumes" / f"{number:02d}"
