"""A real ingress controller before a site: HAProxy Ingress from source on Debian's HAProxy, a pod that reads one namespace."""

from typing import Any

from infra.cluster import Cluster
from infra.images import base
from infra.testbed import images
from infra.testbed.place import Place
from tests.support.cluster import manifest
from tools import cluster

PACKAGES = ("haproxy", "dumb-init", "lua-json", "socat")
IMAGE = f"localhost/haproxy-ingress:{cluster.INGRESS}"
HTTPS = 8443
READ = ["get", "list", "watch"]


def bring(place: Place) -> None:
    """The controller's image, at the site."""
    if IMAGE in images.present(place):
        return
    program = cluster.haproxy_ingress()
    rootfs = program.with_name("rootfs")
    files = [(str(file.relative_to(rootfs)), file.read_bytes(), 0o755) for file in sorted(rootfs.rglob("*")) if file.is_file()]
    files.append(("haproxy-ingress-controller", program.read_bytes(), 0o755))
    archive = place.folder / "gateway.tar"
    layers = [base.root("gateway", PACKAGES).read_bytes(), images.archive(files)]
    images.pack_layers(layers, IMAGE, ["/usr/bin/dumb-init", "--", "/start.sh"], archive)
    images.load(place, archive)
    archive.unlink()


def ensure(admin: Cluster, place: str, class_name: str, watched: str, certificate: str) -> None:
    """The controller of `class_name` in the namespace `place`, with the certificate (PEM, key too) it shows to everybody.

    It may read Ingresses, services and their secrets in `watched` alone: a controller that reads every namespace's secrets
    would know every tenant's.
    """
    where = {"namespace": place, "name": "haproxy-ingress"}
    who = [{"kind": "ServiceAccount", **where}]
    group = "rbac.authorization.k8s.io"
    cluster_rules = [
        {"apiGroups": ["networking.k8s.io"], "resources": ["ingressclasses"], "verbs": READ},
        {"apiGroups": [""], "resources": ["nodes", "namespaces"], "verbs": READ},
    ]
    rules = [
        {"apiGroups": [""], "resources": ["services", "endpoints", "pods", "configmaps", "secrets"], "verbs": READ},
        {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
        {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses"], "verbs": READ},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": READ},
    ]
    own = [{"apiGroups": [""], "resources": ["configmaps", "pods"], "verbs": READ}]
    made = [
        manifest("Namespace", "", place),
        manifest("ServiceAccount", place, "haproxy-ingress"),
        manifest("ConfigMap", watched, "haproxy-ingress", data={"http-port": "8080", "https-port": str(HTTPS)}),
        manifest("Secret", place, "certificate", stringData={"tls.pem": certificate}),
        manifest("Role", place, "haproxy-ingress", f"{group}/v1", rules=own),
        manifest("Role", watched, "haproxy-ingress", f"{group}/v1", rules=rules),
        *(
            manifest(
                "RoleBinding",
                each,
                "haproxy-ingress",
                f"{group}/v1",
                subjects=who,
                roleRef={"apiGroup": group, "kind": "Role", "name": "haproxy-ingress"},
            )
            for each in (place, watched)
        ),
        manifest("Deployment", place, "haproxy-ingress", "apps/v1", spec=_deployment(place, watched)),
    ]
    for each in made:
        admin.apply(each, manager="test")
    over = {
        f"/apis/{group}/v1/clusterroles": manifest("ClusterRole", "", f"gateway-{place}", f"{group}/v1", rules=cluster_rules),
        f"/apis/{group}/v1/clusterrolebindings": manifest(
            "ClusterRoleBinding",
            "",
            f"gateway-{place}",
            f"{group}/v1",
            subjects=who,
            roleRef={"apiGroup": group, "kind": "ClusterRole", "name": f"gateway-{place}"},
        ),
        "/apis/networking.k8s.io/v1/ingressclasses": manifest(
            "IngressClass", "", class_name, "networking.k8s.io/v1", spec={"controller": "haproxy-ingress.github.io/controller"}
        ),
    }
    for where_to, each in over.items():
        admin.call(
            "PATCH",
            f"{where_to}/{each['metadata']['name']}",
            each,
            content="application/apply-patch+yaml",
            fieldManager="test",
            force="true",
        )


def _deployment(place: str, watched: str) -> dict[str, Any]:
    arguments = [
        f"--watch-namespace={watched}",
        "--force-namespace-isolation",
        f"--configmap={watched}/haproxy-ingress",
        "--default-ssl-certificate=file:///certificate/tls.pem",
        "--update-status=false",
        "--disable-pod-list",
    ]
    writable = ("/etc/haproxy", "/run/haproxy", "/var/lib/haproxy", "/tmp")
    container = {
        "name": "gateway",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "args": arguments,
        "env": [
            {"name": "GODEBUG", "value": "httpmuxgo121=1"},  # it was written for the older patterns of paths
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        ],
        "readinessProbe": {"tcpSocket": {"port": HTTPS}, "periodSeconds": 1},
        "volumeMounts": [
            *({"name": each.strip("/").replace("/", "-"), "mountPath": each} for each in writable),
            {"name": "certificate", "mountPath": "/certificate", "readOnly": True},
        ],
    }
    volumes = [{"name": each.strip("/").replace("/", "-"), "emptyDir": {}} for each in writable]
    spec = {
        "serviceAccountName": "haproxy-ingress",
        "securityContext": {"runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001},
        "containers": [container],
        "volumes": [*volumes, {"name": "certificate", "secret": {"secretName": "certificate", "defaultMode": 0o440}}],
    }
    labels = {"app.kubernetes.io/name": "haproxy-ingress"}
    return {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}}
