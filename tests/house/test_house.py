"""The house rules (docs/decisions/0000-the-house.md), as tests: short, run with everything."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("kit", "systems", "tenants", "infra", "dr", "platform_api", "tools", "bench")
ROOMS = {
    "__init__.py", "model", "rules", "store", "service", "routes", "pages", "jobs", "gateway", "lookup",
    "parameters.yaml", "values.yaml", "contract.yaml", "migrations", "templates",
}  # fmt: skip
MODULE_LINES = 300
FUNCTION_LINES = 40
#: 2,000 at first; 500 more since people sign in at a browser (docs/decisions/0039-pages-and-sessions.md), 200 more since files of
#: tables are read strictly (docs/decisions/0038-*)
KIT_LINES = 2700
#: path or path::function -> why it may be longer than the house allows
LONGER: dict[str, str] = {}
#: module -> why it may start programs
STARTERS = {
    "dr/restic.py": "the only door to restic",
    "dr/sources.py": "pg_dump and pg_restore",
    "infra/targets/": "starts what runs on this machine",
    "infra/images/": "builds images",
    "infra/testbed/": "raises sites of processes, networks and control groups",
    "infra/run.py": "the command the counter starts",
    "platform_api/runner.py": "starts infra and dr as processes of their own",
    "tools/": "builds and finds the outside programs",
    "bench/": "measures programs",
}
#: module -> why it may read the environment
ENVIRONMENT = {
    "kit/settings.py": "the one reader of settings and secrets",
    "tenants/home.py": "where this instance lies",
    "infra/targets/": "hands its environment on to what it starts",
    "infra/images/base.py": "the Debian base that whoever builds images names",
    "infra/testbed/": "hands its environment on to what it starts",
    "infra/engine.py": "hands its environment on to the engine, which may name another place for state",
    "infra/lease.py": "an operation tells its children which lease they act under",
    "infra/program.py": "the same, when the ordinary CLI runs the program",
    "infra/wall.py": "the cluster says in a pod's environment where its API server is",
    "platform_api/runner.py": "hands its environment on to what it starts",
    "tools/": "caches and overrides of the outside programs",
    "bench/": "measures programs",
}
#: path of a route of zone internet -> why nobody has to sign in
PUBLIC = {
    "/verify": "a page to type a verification code into",
    "/verify/{code}": "who holds a paper may ask whether it was issued; the answer names nobody",
}
#: module -> why SQL may stand there beside store.py, migrations and kit
SQL_ALLOWED = {
    "kit/": "the tools for databases",
    "tenants/": "founds databases and roles, keeps the ledger",
    "dr/": "dumps, replays and compares whatever tables there are",
    "infra/": "founds the platform's databases",
    "bench/": "measures",
}


def modules() -> Iterator[Path]:
    for floor in FLOORS:
        yield from sorted((ROOT / floor).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def allowed(path: Path, table: dict[str, str]) -> bool:
    return any(relative(path).startswith(prefix) for prefix in table)


def systems() -> list[Path]:
    return sorted(p for p in (ROOT / "systems").iterdir() if p.is_dir() and (p / "__init__.py").exists())


def too_long(source: str, name: str) -> list[str]:
    found = [name] if source.count("\n") > MODULE_LINES and name not in LONGER else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            if lines > FUNCTION_LINES and f"{name}::{node.name}" not in LONGER:
                found.append(f"{name}::{node.name} ({lines} lines)")
    return found


def test_modules_and_functions_stay_short() -> None:
    assert [each for p in modules() for each in too_long(p.read_text(), relative(p))] == []


def test_mutant_a_long_function_is_found() -> None:
    assert too_long("def f():\n" + "    x = 1\n" * 41, "kit/x.py") == ["kit/x.py::f (42 lines)"]


def test_exceptions_to_length_are_still_needed() -> None:
    for name in LONGER:
        assert (ROOT / name.split("::")[0]).exists(), name


def forbidden_calls(source: str) -> set[str]:
    """Dotted names used in the source that only one place may use."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            names.add(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.Import):
            names.update(f"import {alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(f"import {node.module}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit":
            names.add(".commit()")
    return names


def test_only_the_clock_reads_the_time() -> None:
    clocks = {"datetime.now", "datetime.utcnow", "date.today", "datetime.today"}
    assert [relative(p) for p in modules() if relative(p) != "kit/clock.py" and clocks & forbidden_calls(p.read_text())] == []


def test_only_named_places_start_programs() -> None:
    offenders = [
        relative(p) for p in modules() if "import subprocess" in forbidden_calls(p.read_text()) and not allowed(p, STARTERS)
    ]
    assert offenders == []


def test_only_named_places_read_the_environment() -> None:
    offenders = [
        relative(p)
        for p in modules()
        if {"os.environ", "os.getenv"} & forbidden_calls(p.read_text()) and not allowed(p, ENVIRONMENT)
    ]
    assert offenders == []


def test_only_kit_db_commits_and_connects() -> None:
    offenders = [
        relative(p)
        for p in modules()
        if relative(p) != "kit/db.py" and {".commit()", "import psycopg"} & forbidden_calls(p.read_text())
    ]
    assert offenders == []


def test_mutant_a_second_clock_is_found() -> None:
    assert "datetime.now" in forbidden_calls("from datetime import datetime\nx = datetime.now()\n")


SQL = re.compile(r"^\s*(select\s.+\sfrom|insert\s+into|update\s+\S+\s+set|delete\s+from)\s", re.IGNORECASE | re.DOTALL)


def sql_strings(source: str) -> list[str]:
    return [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
    ]


def test_sql_stands_only_in_stores() -> None:
    offenders = [
        relative(p)
        for p in modules()
        if p.name != "store.py" and p.parent.name != "store" and not allowed(p, SQL_ALLOWED) and sql_strings(p.read_text())
    ]
    assert offenders == []


def room(name: str) -> str:
    """A room is a module or, when it outgrows one, a folder of the same name."""
    return name if name == "__init__.py" else name.removesuffix(".py")


def test_every_system_has_the_known_rooms_and_no_other() -> None:
    for system in systems():
        here = {room(p.name) for p in system.iterdir() if p.name != "__pycache__"}
        assert here <= ROOMS, f"{system.name}: unknown rooms {sorted(here - ROOMS)}"
        needed = {"__init__.py", "model", "rules", "service", "contract.yaml", "values.yaml"}
        assert needed <= here, system.name


def test_parameters_have_description_unit_reference_and_no_gaps() -> None:
    for file in sorted((ROOT / "systems").glob("*/parameters.yaml")):
        for name, parameter in (yaml.safe_load(file.read_text()) or {}).items():
            for key in ("description", "unit", "reference", "values"):
                assert parameter.get(key), f"{relative(file)}: {name} lacks {key}"
            days = list(parameter["values"])
            assert days == sorted(set(days)), f"{relative(file)}: {name}"
            assert all(value is not None for value in parameter["values"].values()), f"{relative(file)}: {name}"


def test_migrations_are_numbered_and_journaled() -> None:
    for system in systems():
        files = sorted((system / "migrations").glob("*.sql")) if (system / "migrations").exists() else []
        numbers = [int(f.name[:4]) for f in files]
        assert numbers == sorted(set(numbers)), system.name  # a gap is a number that another branch has taken
        text = "\n".join(f.read_text() for f in files)
        created = re.findall(r"create\s+table\s+(?:if\s+not\s+exists\s+)?([a-z_]+\.[a-z_]+)", text, re.IGNORECASE)
        watched = set(re.findall(r"journal\.watch\(\s*'([a-z_.]+)'", text, re.IGNORECASE))
        assert not re.search(r"\bjson\b", text), f"{system.name}: type json loses its spelling in the journal, use jsonb"
        assert set(created) == watched, f"{system.name}: {sorted(set(created) ^ watched)}"


def routes() -> Iterator[tuple[str, object]]:
    """Every route that is in a schema, with the floor it stands on."""
    import importlib

    from fastapi.routing import APIRoute

    routers = [r for system in systems() for r in importlib.import_module(f"systems.{system.name}.routes").routers]
    routers += importlib.import_module("platform_api.main").ROUTERS
    for router in routers:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            yield route.path, route


def has_actor(dependant: object) -> bool:
    from kit.auth import current_actor

    return any(each.call is current_actor or has_actor(each) for each in dependant.dependencies)  # type: ignore[attr-defined]


def is_public(dependant: object) -> bool:
    from kit.requests import public_transaction

    return any(each.call is public_transaction for each in dependant.dependencies)  # type: ignore[attr-defined]


def test_every_route_has_an_actor_one_zone_a_summary_and_its_errors() -> None:
    found = list(routes())
    assert len(found) > 20
    for path, route in found:
        if path in PUBLIC:
            assert is_public(route.dependant), path  # type: ignore[attr-defined]
            assert route.tags == ["internet"], path  # type: ignore[attr-defined]
        else:
            assert has_actor(route.dependant), path  # type: ignore[attr-defined]
            assert not is_public(route.dependant), path  # type: ignore[attr-defined]
        assert len(route.tags) == 1, path  # type: ignore[attr-defined]
        assert route.summary, path  # type: ignore[attr-defined]
        assert set(route.responses) - {200}, path  # type: ignore[attr-defined]


def test_mutant_a_route_without_an_actor_is_found() -> None:
    from fastapi import APIRouter

    router = APIRouter()

    @router.get("/open")
    def open_to_all() -> None: ...

    assert not has_actor(router.routes[0].dependant)  # type: ignore[attr-defined]


def test_kit_stays_in_its_budget() -> None:
    assert sum(file.read_text().count("\n") for file in (ROOT / "kit").glob("*.py")) <= KIT_LINES


def test_every_secret_is_described() -> None:
    from kit.settings import SECRETS

    asked = {name for p in modules() for name in re.findall(r'"(MCLOUD_[A-Z_]*(?:PASSWORD|KEY))"', p.read_text())}
    assert asked == set(SECRETS)
    assert all(len(text) > 10 for text in SECRETS.values())


def test_every_system_says_its_zone_and_purposes_once() -> None:
    from systems.resident_registry.routes.desk import PURPOSES
    from tenants.model import SYSTEMS

    for system in systems():
        contract = yaml.safe_load((system / "contract.yaml").read_text())
        values = yaml.safe_load((system / "values.yaml").read_text())
        assert contract["zone"] == SYSTEMS[system.name] == values["zone"]
        assert set(values) == {"zone", "cpu_millis", "memory_mib"}, system.name
    assert tuple(yaml.safe_load((ROOT / "systems/resident_registry/contract.yaml").read_text())["purposes"]) == PURPOSES


def test_every_job_of_a_contract_is_a_module_with_a_time() -> None:
    """Mutant: `nite: "0:10"` in a contract."""
    import importlib

    from tenants.processes import jobs

    named = [(system.name, name, at) for system in systems() for name, at in jobs(system.name).items()]
    assert named
    for system, name, at in named:
        assert re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", at), f"{system}: {name} is due at {at}, not at a time as 00:10"
        assert callable(importlib.import_module(f"systems.{system}.jobs.{name}").run), f"{system}: {name}"


def test_error_classes_have_docstring_status_and_slug() -> None:
    import importlib

    import kit.errors

    for system in systems():
        if (system / "model" / "errors.py").exists():
            importlib.import_module(f"systems.{system.name}.model.errors")
    classes = [kit.errors.CallerError]
    for each in classes:  # a system's own errors stand under the class that has their status
        classes += each.__subclasses__()
    assert len(classes) > 12
    for each in classes:
        assert each.__doc__, each
        assert 400 <= each.status < 600, each
        assert each.slug, each
    assert len({each.slug for each in classes}) == len(classes)


def test_every_journey_has_its_test() -> None:
    for name in ("a_onboard", "b_certificate", "c_night", "d_drill", "e_council_report"):
        assert (ROOT / "tests" / "journeys" / f"test_{name}.py").exists(), name


def test_no_infra_module_carries_a_standard_library_name() -> None:
    import sys

    names = {p.stem for p in (ROOT / "infra").glob("*.py")} - {"__init__", "__main__"}
    assert not names & sys.stdlib_module_names


def test_values_schemas_are_those_of_the_models() -> None:
    """`python -m infra.charts` writes them; what the schema lets through, kit.settings can read."""
    from infra import charts

    for name in charts.MODELS:
        assert (ROOT / "charts" / name / "values.schema.json").read_text() == charts.schema_text(name), name


def knobs(schema: dict[str, object]) -> int:
    """Values that somebody can set, the process's own `config:` counted as one."""
    found = schema["properties"]
    assert isinstance(found, dict)
    return sum(knobs(schema["$defs"]["Ingress"]) if name == "ingress" else 1 for name in found)  # type: ignore[index]


def test_the_shared_chart_keeps_few_knobs_and_no_escape_hatch() -> None:
    from infra import charts

    for name in charts.MODELS:
        schema = charts.schema(name)
        assert knobs(schema) <= 25, name
        assert not [key for key in schema["properties"] if "extra" in key], name
        assert schema["additionalProperties"] is False, name


def test_every_decision_is_a_short_page() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert len({p.name[:4] for p in pages}) == len(pages) > 10
    for page in pages:
        assert page.read_text().count("\n") <= 60, page.name


class Once(yaml.SafeLoader):
    """Reads YAML as everybody does, but a key that stands twice is an error: the plain reader takes the last in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        twice = [key for n, key in enumerate(keys) if key in keys[:n]]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def is_template(path: Path) -> bool:
    """A template of a chart is YAML only once it is rendered; the golden files are its renderings."""
    return path.relative_to(ROOT).parts[0] == "charts" and "templates" in path.parts


def yaml_files() -> list[Path]:
    floors = [*FLOORS, "charts", "docs", "tests"]
    found = [path for floor in floors for path in (ROOT / floor).rglob("*.y*ml")]
    return [each for each in [*found, *ROOT.glob("*.y*ml")] if not is_template(each)]


def test_no_key_stands_twice_in_a_yaml_file() -> None:
    files = yaml_files()
    assert len(files) > 60
    for path in files:
        try:
            list(yaml.load_all(path.read_text(), Once))
        except yaml.YAMLError as wrong:
            pytest.fail(f"{relative(path)}: {wrong}")


def test_mutant_a_key_that_stands_twice_is_found() -> None:
    """A legal value stood twice in a file of parameters once, and nothing said so."""
    with pytest.raises(yaml.YAMLError, match="stands twice"):
        yaml.load("fee_yen: {values: 300}\nfee_yen: {values: 200}\n", Once)


@pytest.mark.parametrize("word", ["TODO", "FIXME"])
def test_nothing_is_left_for_later_in_the_code(word: str) -> None:
    offenders = [relative(p) for p in modules() if word in p.read_text()]
    assert offenders == []
