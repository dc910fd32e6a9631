"""Every chart, rendered in this process: valid for the cluster's version, golden, and refusing what it does not know."""

from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate import utils

from infra import charts, helm, landing, policy, rollout, sites
from infra.config import SiteConfig
from infra.landing import Release
from infra.manifests import Manifest, place
from infra.targets import kubernetes
from kit.errors import Invalid
from kit.settings import ProcessSettings
from tenants.catalog import catalog, tenant
from tenants.processes import processes
from tests.support import land

GOLDEN = Path(__file__).parent / "golden"
VERSIONS = ("1.33", "1.34")


@pytest.fixture(scope="module", autouse=True)
def schemas_read_once() -> Iterator[None]:
    """The validator would read the schemas of its version anew for every object, which takes longer than everything else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", cache(utils.schema_contents))
        yield


def releases() -> list[Release]:
    """One release of each chart in each shape that differs."""
    cron = [landing.cron("resident_registry", "night", "03:00")]
    split = land.split()
    found = [landing.site_release("primary", land.SITE), *landing.tenant_releases(split, land.SITE)]
    busy = next(each for each in found if each.name.endswith("-lgwan-shared"))
    return [
        *found,
        Release(f"{busy.name}-jobs", busy.chart, busy.values | {"cron": cron, "migrate": True}),
        Release("platform-outside", "platform", landing.site_release("recovery", land.OWN_SERVERS).values),
        Release("platform-guards", "platform", landing.site_release("recovery", land.GUARDS_ALONE).values),
        Release(f"{busy.name}-outside", "system", landing.tenant_releases(split, land.OWN_SERVERS)[2].values),
    ]


@pytest.mark.parametrize("release", releases(), ids=lambda each: each.name)
def test_rendered_objects_are_valid_and_as_read_in_review(release: Release, update_golden: bool) -> None:
    objects = release.objects()
    for each in objects:
        for version in VERSIONS:
            kubernetes_validate.validate(dict(each), version, strict=True)
    text = yaml.safe_dump_all(objects, allow_unicode=True, sort_keys=True)
    file = GOLDEN / f"{release.name}.yaml"
    if update_golden:
        file.write_text(text)
    assert file.exists(), f"no golden file yet: run pytest {Path(__file__).name} --update-golden and read it"
    assert file.read_text() == text


def test_golden_files_are_of_releases() -> None:
    assert {file.stem for file in GOLDEN.glob("*.yaml")} == {each.name for each in releases()}


@pytest.mark.proves("IAC-6")
def test_rendering_every_tenant_twice_gives_the_same() -> None:
    once = [each.objects() for body in catalog().values() for each in landing.tenant_releases(body, land.SITE)]
    charts.load.cache_clear()
    again = [each.objects() for body in catalog().values() for each in landing.tenant_releases(body, land.SITE)]
    assert once == again
    assert len(once) == sum(1 + len(processes(body)) for body in catalog().values())


@pytest.fixture(scope="module")
def prefecture() -> list[Manifest]:
    return land.whole()


def test_every_object_of_the_whole_prefecture_is_valid(prefecture: list[Manifest]) -> None:
    """What one tenant alone has would else be refused by the API server, in the middle of an apply."""
    for each in prefecture:
        kubernetes_validate.validate(dict(each), VERSIONS[0], strict=True)


def test_the_whole_prefecture_breaks_no_rule(prefecture: list[Manifest]) -> None:
    graph = prefecture
    assert policy.faults(graph) == []
    assert len(graph) > 1000
    assert len(graph) == len({place(each) for each in graph}), "two releases own one object"


def test_the_config_block_is_read_by_the_process() -> None:
    for release in landing.tenant_releases(land.split(), land.SITE)[1:]:
        config = next(each for each in release.objects() if each["kind"] == "ConfigMap")
        settings = ProcessSettings.model_validate(yaml.safe_load(config["data"]["config.yaml"]))
        assert settings.tenant_name == "石巻市"
        assert settings.port == 8080


# mutant: paths by the systems' names alone, and nobody signs in
def test_every_path_of_a_zone_leads_to_the_process_that_has_it() -> None:
    asked = {
        "/counter/sign-in/callback": "shared",
        "/joint-procurement/tenders": "shared",
        "/resident-registry/residents": "resident-registry",
        "/counter/resident-registry": "resident-registry",
        "/verify": "shared",
    }
    body = land.split()
    for code in ("mynumber", "internet"):
        ways = {
            path["path"]: path["backend"]["service"]["name"]
            for each in land.graph_of(body)
            if each["kind"] == "Ingress" and each["metadata"]["namespace"].endswith(code)
            for path in each["spec"]["rules"][0]["http"]["paths"]
        }
        here = {process.name for process in processes(body) if process.zone == code}
        assert set(ways.values()) == here
        for path, process in asked.items():
            longest = max((way for way in ways if way == "/" or f"{path}/".startswith(f"{way}/")), key=len)
            if process in here:
                assert ways[longest] == process, path


def test_browsers_reach_keycloaks_pages_and_the_counter_and_never_its_administration() -> None:
    ways = {
        (each["metadata"]["name"], each["spec"]["rules"][0]["host"], path["path"])
        for each in landing.site_release("recovery", land.SITE).objects()
        if each["kind"] == "Ingress"
        for path in each["spec"]["rules"][0]["http"]["paths"]
    }
    login, cloud = ("keycloak-mynumber", "login.example.jp"), ("platform-api-mynumber", "cloud.example.jp", "/")
    assert ways == {(*login, "/realms"), (*login, "/resources"), cloud}  # none for zone internet: no staff comes from there
    own = [each for each in landing.site_release("recovery", land.OWN_SERVERS).objects() if each["kind"] == "Ingress"]
    assert [each["metadata"]["name"] for each in own] == ["platform-api-mynumber"]


def test_servers_of_ones_own_take_the_place_of_the_bundled_ones() -> None:
    sets = [each["metadata"]["name"] for each in landing.site_release("recovery", land.OWN_SERVERS).objects()
            if each["kind"] == "StatefulSet"]  # fmt: skip
    assert sets == ["rest-server", "platform-api"]
    config = next(each for each in land.graph_of(land.split(), land.OWN_SERVERS) if each["kind"] == "ConfigMap")
    settings = ProcessSettings.model_validate(yaml.safe_load(config["data"]["config.yaml"]))
    assert (settings.database_host, settings.database_port) == ("db.example.jp", 5432)
    assert settings.jwks_url.startswith("https://login.example.jp:443/realms/042021/")
    assert config["data"]["authorities.crt"] == land.AUTHORITY
    mixed = land.SITE.model_copy(update={"postgres": land.OWN_SERVERS.postgres})
    keycloak = next(each for each in landing.site_release("recovery", mixed).objects()
                    if (each["kind"], each["metadata"]["name"]) == ("StatefulSet", "keycloak"))  # fmt: skip
    assert (
        "--db-url=jdbc:postgresql://db.example.jp:5432/keycloak" in keycloak["spec"]["template"]["spec"]["containers"][0]["args"]
    )


@pytest.mark.parametrize("site", [land.OWN_SERVERS, land.GUARDS_ALONE], ids=["own servers", "guards alone"])
def test_a_site_of_another_shape_breaks_no_rule(site: SiteConfig) -> None:
    assert policy.faults(land.whole(site)) == []


# mutant: without `parameters` in infra/landing.settings a municipality's own fee would hold on one machine and not in a cluster
def test_what_a_municipality_decided_and_where_it_is_reached_goes_along() -> None:
    own = {"resident_registry": {"certificate_fee_yen": {"2026-04-01": 350}}}
    from tenants.catalog import check

    body = check(tenant("042021").model_dump(mode="json") | {"parameters": own}, "x")
    found = {}
    for release in landing.tenant_releases(body, land.SITE)[1:]:
        config = next(each for each in release.objects() if each["kind"] == "ConfigMap")
        settings = ProcessSettings.model_validate(yaml.safe_load(config["data"]["config.yaml"]))
        assert settings.model_dump(mode="json")["parameters"] == own
        found[settings.zone] = (settings.counter_url, settings.public_url)
    reached = land.SITE.gateway
    hosts = {zone: f"https://042021-{zone}.{reached.domain}" for zone in reached.classes}
    assert {zone: url for zone, (url, _) in found.items() if url} == {z: h for z, h in hosts.items() if z in found}
    assert {public for _, public in found.values()} == {hosts.get("internet", "https://verify.invalid")}


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("tenant", {"colour": "blue"}, "colour"),
    ("system", {"image": "mcloud:latest"}, "image"),
    ("system", {"replicas": 0}, "replicas"),
    ("system", {"zone": "school"}, "zone"),
    ("system", {"extraContainers": []}, "extraContainers"),
    ("platform", {"landing": []}, "landing"),
]


@pytest.mark.parametrize(("chart", "change", "told"), WRONG)
def test_a_value_that_the_chart_does_not_know_is_named(chart: str, change: dict[str, Any], told: str) -> None:
    good = next(each for each in releases() if each.chart == chart)
    values = deepcopy(good.values) | change
    with pytest.raises(Invalid, match=rf"chart {chart}: .*{told}"):
        charts.render(chart, good.name, values)


def test_an_unknown_key_in_config_is_refused_before_a_pod_starts() -> None:
    good = next(each for each in releases() if each.chart == "system")
    values = deepcopy(good.values)
    values["config"]["debug"] = True
    with pytest.raises(Invalid, match="debug"):
        charts.render("system", good.name, values)


def test_a_tenant_that_outgrew_its_pod_is_split_and_copied() -> None:
    deployments = {e["metadata"]["name"]: e for e in land.graph_of(land.split()) if e["kind"] == "Deployment"}
    assert set(deployments) == {"resident-registry", "shared"}
    registry = deployments["resident-registry"]["spec"]
    assert registry["replicas"] == 2
    assert registry["template"]["spec"]["containers"][0]["resources"]["limits"] == {"memory": "512Mi"}
    assert registry["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_a_quota_too_small_for_the_processes_is_told_before_anything_is_applied() -> None:
    big = tenant("042021").model_dump(mode="json") | {"scale": {"resident_registry": {"replicas": 8, "memory_mib": 1024}}}
    from tenants.catalog import check

    with pytest.raises(
        Invalid, match=r"zone mynumber need memory_mib 9216 .*quota gives 2048: raise quota\.memory_mib or lower scale"
    ):
        landing.tenant_releases(check(big, "x"), land.SITE)


def test_every_site_namespace_is_there_once() -> None:
    assert [each["metadata"]["name"] for each in sites.namespaces()] == ["mcloud-tenants", "mcloud-platform", "mcloud-dr"]


# mutant: Helm's 300 s against a migration's 900: what ran longer was deleted by the next apply, and never finished
def test_whoever_waits_for_a_migration_waits_longer_than_it_may_take() -> None:
    (migration,) = (
        each for each in releases()[2].objects() if each["kind"] == "Job" and "helm.sh/hook" in each["metadata"]["annotations"]
    )
    assert migration["spec"]["activeDeadlineSeconds"] < helm.TIMEOUT_SECONDS - 60  # its pods end meanwhile
    assert helm.TIMEOUT_SECONDS + rollout.PATIENCE_SECONDS < kubernetes.PATIENCE_SECONDS
    landing_job = kubernetes.job("landing-1", [], f"localhost/mcloud@{land.DIGEST}")
    assert landing_job["spec"]["activeDeadlineSeconds"] == kubernetes.PATIENCE_SECONDS
