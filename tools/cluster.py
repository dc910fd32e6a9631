"""The programs of clusters and of their provisioning: the user's own when they fit, else built from source once, by version.

Each module has a folder under `tools/go` whose `go.sum` fixes every byte that is compiled.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kit.errors import Unavailable
from tools.programs import HERE, cache, install, making, needed, say, there

PULUMI = "3.259.0"
KUBERNETES = "1.34.4"
KUBE_ROUTER = "2.1.0"
COREDNS = "1.12.4"
INGRESS = "0.14.7"
PAUSE = "1"
PULUMI_SDK = "github.com/pulumi/pulumi/sdk/v3"
#: what Pulumi starts for programs in Python
PULUMI_PARTS = ("pulumi-language-python", "pulumi-language-python-exec", "pulumi-resource-pulumi-python")
#: what only containers, networks and images need: program -> Debian package
PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables",
    "ipset": "ipset",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
}
#: seconds between two words about a build
PULSE = 20


@dataclass(frozen=True)
class Module:
    """One program that is built from `tools/go/<name>`; `seconds` as measured on two idle cores."""

    name: str
    version: str
    package: str
    seconds: int
    variables: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return cache() / f"{self.name}-{self.version}"

    def ensure(self, also: Callable[[Path], None] = lambda _: None) -> None:
        """Build it when it is not there; `also` adds to the folder before it counts as complete."""
        what = f"building {self.name} {self.version} from source, about {self.seconds} s on two idle cores"
        with making(self.folder, what) as draft:
            if draft is not None:
                compile_into(draft / self.name, self)
                also(draft)

    def path(self) -> Path:
        return there(self.folder, self.name, "tools-cluster") / self.name


def _kubernetes_variables() -> tuple[str, ...]:
    major, minor, _ = KUBERNETES.split(".")
    facts = {"gitVersion": f"v{KUBERNETES}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    places = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return tuple(f"{place}.{name}={value}" for place in places for name, value in facts.items())


_PULUMI = Module(
    "pulumi", PULUMI, "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", 200, (f"{PULUMI_SDK}/go/common/version.Version=v{PULUMI}",)
)
_HOST = Module("pulumi-language-python", "3.77.0", f"{PULUMI_SDK}/python/cmd/pulumi-language-python", 15)
_KUBE = Module("kubernetes", KUBERNETES, ".", 210, _kubernetes_variables())
_ROUTER = Module(
    "kube-router",
    KUBE_ROUTER,
    "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",
    70,
    (f"github.com/cloudnativelabs/kube-router/v2/pkg/version.Version={KUBE_ROUTER}",),
)
_COREDNS = Module("coredns", COREDNS, "github.com/coredns/coredns", 72)
_INGRESS = Module("haproxy-ingress", INGRESS, "github.com/jcmoraisjr/haproxy-ingress/pkg", 46)
_PAUSE = Module("pause", PAUSE, ".", 1)


def compile_into(target: Path, module: Module) -> None:
    """`go build`, telling every twenty seconds how far it is and how long it will take at this pace.

    Raises
    ------
    Unavailable
        Go is missing or the build failed; the last thing it said.
    """
    go, source = needed("go", f"builds {module.name}"), HERE / "go" / module.name
    environment = os.environ | {"CGO_ENABLED": "0"}
    listed = subprocess.run([go, "list", "-deps", module.package], cwd=source, capture_output=True, text=True, env=environment)
    total = max(1, listed.stdout.count("\n"))
    flags = " ".join(["-s -w", *(f"-X {each}" for each in module.variables)])
    command = [go, "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", str(target), module.package]
    started = told = time.monotonic()
    done, last = 0, ""
    with subprocess.Popen(command, cwd=source, stderr=subprocess.PIPE, text=True, env=environment) as build:
        assert build.stderr  # noqa: S101  # it is a pipe
        for line in build.stderr:
            last = line.strip() or last
            done += "/" in last and " " not in last
            now = time.monotonic()
            if now - told > PULSE:
                told, spent = now, now - started
                left = spent * (total - done) / max(1, done)
                say(f"tools: {module.name}: {done} of at most {total} packages after {spent:.0f} s, at most {left:.0f} s more")
    if build.returncode:
        raise Unavailable(f"building {module.name} failed (exit {build.returncode}): {last}")


def version_of(program: str, *arguments: str) -> tuple[int, ...]:
    """First dotted number in what the program says about itself; (0,) when it says none."""
    try:
        told = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return (0,)
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", told.stdout + told.stderr)
    return tuple(int(part) for part in found.groups() if part) if found else (0,)


def own(program: str, arguments: tuple[str, ...], lowest: tuple[int, ...], below: tuple[int, ...]) -> Path | None:
    """The user's own program on PATH when its version is at least `lowest` and under `below`."""
    found = shutil.which(program)
    return Path(found) if found and lowest <= version_of(found, *arguments) < below else None


def _own_pulumi() -> Path | None:
    return own("pulumi", ("version",), (3, 200), (4,)) if shutil.which("pulumi-language-python") else None


def _own_coredns() -> Path | None:
    return own("coredns", ("-version",), (1, 11), (2,))


def _own_router() -> Path | None:
    return own("kube-router", ("--version",), (2, 1), (3,))


def pulumi() -> Path:
    """The Pulumi command. Its folder holds the Python language host too and belongs on the PATH of whoever starts it."""
    return _own_pulumi() or _PULUMI.path()


def pulumi_parts() -> list[Path]:
    """Pulumi and what it starts for programs in Python: beside it or its host, beside where a link leads, or on PATH.

    Raises
    ------
    Unavailable
        One is nowhere; names it.
    """
    found = [pulumi()]
    for part in PULUMI_PARTS:
        beside = [str(folder) for each in found for folder in (each.parent, each.resolve().parent)]
        path = shutil.which(part, path=os.pathsep.join([*beside, os.environ["PATH"]]))
        if not path:
            raise Unavailable(f"{part} is missing beside {found[0]}: install Pulumi whole, or take it off PATH for ours")
        found.append(Path(path))
    return found


def kube() -> Path:
    """All programs of a Kubernetes site in one: `kube etcd …`, `kube apiserver …`, `kube kubectl …`."""
    return there(_KUBE.folder, "kubernetes", "tools-cluster") / "kube"


def kubectl() -> Path:
    """The user's own when it is within one minor version of the server's, else ours."""
    major, minor = (int(part) for part in KUBERNETES.split(".")[:2])
    return own("kubectl", ("version", "--client"), (major, minor - 1), (major, minor + 2)) or kube().with_name("kubectl")


def kube_router() -> Path:
    """What enforces network policies."""
    return _own_router() or _ROUTER.path()


def coredns() -> Path:
    """The name server of a site."""
    return _own_coredns() or _COREDNS.path()


def pause() -> Path:
    """The program that holds a pod's namespaces."""
    return _PAUSE.path()


def haproxy_ingress() -> Path:
    """The ingress controller that tests put before a site; beside it `rootfs`, what its image needs besides HAProxy."""
    return _INGRESS.path()


def ensure_pulumi() -> None:
    """Pulumi with the host of its Python programs, built when there is no fitting one."""
    if not _own_pulumi():
        _PULUMI.ensure(_add_language_host)


def _add_language_host(draft: Path) -> None:
    compile_into(draft / _HOST.name, _HOST)
    scripts = _sources("pulumi", PULUMI_SDK) / "python"
    for script in ("cmd/pulumi-language-python-exec", "dist/pulumi-resource-pulumi-python"):
        target = draft / Path(script).name
        shutil.copyfile(scripts / script, target)
        target.chmod(0o755)


def _sources(name: str, module: str) -> Path:
    """Where Go laid the sources of a module that `tools/go/<name>` names."""
    asked = [needed("go", f"finds the sources of {name}"), "list", "-m", "-f", "{{.Dir}}", module]
    return Path(subprocess.run(asked, cwd=HERE / "go" / name, capture_output=True, text=True).stdout.strip())


def _add_rootfs(draft: Path) -> None:
    shutil.copytree(_sources("haproxy-ingress", "github.com/jcmoraisjr/haproxy-ingress") / "rootfs", draft / "rootfs")


def ensure_kubernetes() -> None:
    """What a site runs: Kubernetes with etcd and kubectl, kube-router, CoreDNS."""
    _KUBE.ensure(_name_applets)
    if not _own_router():
        _ROUTER.ensure()
    if not _own_coredns():
        _COREDNS.ensure()
    _PAUSE.ensure()
    _INGRESS.ensure(_add_rootfs)


def _name_applets(draft: Path) -> None:
    (draft / "kubernetes").rename(draft / "kube")
    (draft / "kubectl").symlink_to("kube")


def ensure_packages() -> None:
    """containerd, CNI plugins, iptables, buildah …; installed when we may, else named."""
    missing = tuple(package for program, package in PACKAGES.items() if not shutil.which(program))
    if missing:
        install(missing, "programs of containers and networks are")


def ensure_cluster() -> None:
    """One after the other: each build uses all cores by itself, and Pulumi is wanted first."""
    ensure_packages()
    ensure_pulumi()
    ensure_kubernetes()
