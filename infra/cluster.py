"""One cluster's API server: objects of the charts applied, read and deleted, with clear errors.

The kinds are those the charts use; nothing is discovered, so that an operation sends only the requests it needs.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import yaml
from lightkube.config.client_adapter import Client, ConnectionParams
from lightkube.config.kubeconfig import KubeConfig
from lightkube.core.exceptions import ConfigError

from infra.config import OLDEST
from infra.manifests import Manifest, name, place
from kit.errors import CallerError, Conflict, Forbidden, Invalid, NotFound, Unavailable

#: kind -> path of its collection; {} stands for the namespace
KINDS = {
    "Namespace": "/api/v1/namespaces",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "Service": "/api/v1/namespaces/{}/services",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "ResourceQuota": "/api/v1/namespaces/{}/resourcequotas",
    "LimitRange": "/api/v1/namespaces/{}/limitranges",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "CronJob": "/apis/batch/v1/namespaces/{}/cronjobs",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "Ingress": "/apis/networking.k8s.io/v1/namespaces/{}/ingresses",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "Lease": "/apis/coordination.k8s.io/v1/namespaces/{}/leases",
    "ValidatingAdmissionPolicy": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
}
APPLY = "application/apply-patch+yaml"
TEXT = "text/plain"
#: seconds to connect, and to wait for an answer
PATIENCE = (5, 30)
_CREDENTIALS = "client.authentication.k8s.io"


def path(kind: str, namespace: str = "", object_name: str = "") -> str:
    """Address of an object, or of its collection."""
    collection = KINDS[kind].format(namespace)
    if not namespace:
        collection = collection.replace("/namespaces//", "/")
    return f"{collection}/{object_name}" if object_name else collection


class Cluster:
    """A connection by kubeconfig; the first call may raise `Unavailable`."""

    def __init__(self, kubeconfig: Path | str, context: str = "") -> None:
        self.kubeconfig, self.context, self.requests = str(kubeconfig), context, 0
        try:
            told = _known(yaml.safe_load(Path(kubeconfig).read_text()))
            found = KubeConfig.from_dict(told, fname=self.kubeconfig).get(context or None)
            assert found is not None  # noqa: S101  # it raises
            self.address = found.cluster.server.rstrip("/")
            self._http = Client(found, ConnectionParams(timeout=httpx2.Timeout(PATIENCE[1], connect=PATIENCE[0])))
        except KeyError as wrong:
            raise Invalid(f"kubeconfig {kubeconfig}: it has no {wrong}") from None
        except (ConfigError, OSError, ValueError, AssertionError, TypeError, AttributeError, yaml.YAMLError) as wrong:
            raise Invalid(f"kubeconfig {kubeconfig}: {str(wrong).splitlines()[0]}") from None

    def call(self, method: str, where: str, body: Any = None, *, content: str = "application/json", **query: str) -> Any:
        """The JSON answer; its text when that is asked for.

        Raises
        ------
        NotFound, Conflict, Forbidden, Invalid, Unavailable
            As the API server answered, in its own words; `Unavailable` also when it does not answer.
        """
        self.requests += 1
        headers = {"Accept": "*/*" if content == TEXT else "application/json", "Content-Type": content}
        sent = None if body is None else json.dumps(body).encode()
        try:
            answer = self._http.request(method, where, params=query, headers=headers, content=sent)
        except httpx2.TransportError as down:
            raise self._silence(down) from None
        except (ConfigError, OSError) as wrong:  # its program for credentials, or the file of its token
            raise Invalid(f"kubeconfig {self.kubeconfig}: {str(wrong).splitlines()[0][:200]}") from None
        if answer.status_code >= 400:
            raise _problem(answer.status_code, answer.text or answer.reason_phrase)
        return answer.text if content == TEXT else answer.json()

    def _silence(self, down: Exception) -> Unavailable:
        told = str(down) or type(down).__name__
        if "certificate" in told.lower():
            return Unavailable(f"the certificate of the cluster at {self.address} cannot be trusted: {told[:160]}")
        return Unavailable(f"the cluster at {self.address} (kubeconfig {self.kubeconfig}) does not answer: {told[-160:]}")

    def text(self, where: str, **query: str) -> str:
        """An answer that is no JSON: a log."""
        found: str = self.call("GET", where, content=TEXT, **query)
        return found

    def check(self) -> str:
        """The cluster's version, when it answers and is new enough.

        Raises
        ------
        Conflict
            It is older than the land lets in.
        """
        found = self.call("GET", "/version")
        version = int(found["major"]), int(found["minor"].rstrip("+"))
        if version < OLDEST:
            raise Conflict(
                f"the cluster at {self.address} is Kubernetes {version[0]}.{version[1]}; the land needs {OLDEST[0]}.{OLDEST[1]} "
                "or newer: upgrade it, or name another in mcloud:kubeconfig"
            )
        return str(found["gitVersion"])

    def who_we_are(self) -> tuple[str, tuple[str, ...]]:
        """User name and groups by which the API server knows us."""
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        found = self.call("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", asked)["status"]["userInfo"]
        return str(found["username"]), tuple(found.get("groups") or ())

    def get(self, kind: str, namespace: str, object_name: str) -> Manifest | None:
        """The object as it is; None when it is not there."""
        try:
            found: Manifest = self.call("GET", path(kind, namespace, object_name))
        except NotFound:
            return None
        return found

    def list(self, kind: str, namespace: str = "", **query: str) -> list[Manifest]:
        """The kind's objects in a namespace, or in all."""
        found = self.call("GET", path(kind, namespace), **query)
        return [each | {"kind": kind} for each in found["items"]]

    def apply(self, each: Manifest, *, manager: str, force: bool = True, dry_run: bool = False) -> Manifest:
        """Server-side apply; what the object is afterwards, or would be."""
        query = {"fieldManager": manager, "force": str(force).lower()} | _dry(dry_run)
        return self._named(each, lambda: self.call("PATCH", path(*place(each)), each, content=APPLY, **query))

    def replace(self, each: Manifest, *, manager: str, dry_run: bool = False) -> Manifest:
        """Put the object exactly so, taking away what somebody added; what it is afterwards, or would be."""
        return self._named(each, lambda: self.call("PUT", path(*place(each)), each, fieldManager=manager, **_dry(dry_run)))

    def create(self, each: Manifest, *, dry_run: bool = False) -> Manifest:
        collection = path(*place(each)[:2])
        return self._named(each, lambda: self.call("POST", collection, each, **_dry(dry_run)))

    def delete(self, kind: str, namespace: str, object_name: str) -> bool:
        """Delete the object; False when it was not there."""
        try:
            self.call("DELETE", path(kind, namespace, object_name), propagationPolicy="Background")
        except NotFound:
            return False
        return True

    def _named(self, each: Manifest, act: Any) -> Manifest:
        try:
            done: Manifest = act()
        except CallerError as wrong:
            raise type(wrong)(f"{name(each)}: {wrong.detail}") from None
        return done

    def close(self) -> None:
        self._http.close()


def _known(told: dict[str, Any]) -> dict[str, Any]:
    """A kubeconfig whose programs for credentials are of the newest interface that lightkube knows: they answer v1 alike."""
    for each in told.get("users") or []:
        program = each["user"].get("exec")
        if program and program.get("apiVersion") == f"{_CREDENTIALS}/v1":
            program["apiVersion"] = f"{_CREDENTIALS}/v1beta1"
    return told


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


def _problem(status: int, body: Any) -> CallerError:
    try:
        told = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        told = str(body)[:300]
    classes: dict[int, type[CallerError]] = {
        401: Forbidden,
        403: Forbidden,
        404: NotFound,
        409: Conflict,
        422: Invalid,
        400: Invalid,
    }
    if status == 401:
        told = "the cluster does not know these credentials: renew the kubeconfig"
    return classes.get(status, Unavailable)(told)


def names(found: list[Manifest]) -> Iterator[str]:
    """Names of objects in a list."""
    return (each["metadata"]["name"] for each in found)
