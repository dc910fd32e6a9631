"""The house rules for pages: every text in two languages, nothing from outside, a session before everything."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from fastapi import APIRouter, Depends

from kit import errors
from kit.pages import english
from kit.sessions import open_session

ROOT = Path(__file__).resolve().parents[2]
KIT = ROOT / "kit" / "pages"
FOLDERS = [KIT, *sorted(ROOT.glob("systems/*/pages"))]
JAPANESE = re.compile("[ぁ-んァ-ヶ一-龠]")
TAGS = re.compile(r"{#.*?#}|{{.*?}}|{%.*?%}", re.DOTALL)
#: what stands in a template in one language on purpose
AS_IT_IS = ("日本語", "令和8年11月23日", "〒")


def modules_of(folder: Path) -> list[Path]:
    """The Python texts that people read on the pages of a folder."""
    if folder == KIT:
        return [ROOT / "kit" / name for name in ("forms.py", "pages.py", "civic/dates.py")]
    return sorted(folder.glob("*.py"))


def python_texts(source: str) -> set[str]:
    """Japanese constants of a module that are not docstrings, parts of f-strings or patterns."""
    tree = ast.parse(source)
    owners = [n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.FunctionDef | ast.ClassDef)]
    skipped = {id(n.body[0].value) for n in owners if n.body and isinstance(n.body[0], ast.Expr)}
    skipped |= {id(part) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for part in ast.walk(n)}
    constants = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in skipped]
    return {
        n.value for n in constants if JAPANESE.search(n.value) and ("。" in n.value or len(n.value) > 1) and "(?P" not in n.value
    }


def template_texts(source: str) -> tuple[set[str], str]:
    """Texts that a template hands to the catalogue, and what Japanese stands outside of it."""
    tags = [tag for tag in TAGS.findall(source) if not tag.startswith("{#")]
    inside = {text for tag in tags for text in re.findall(r'"([^"]*)"', tag) if JAPANESE.search(text)}
    outside = TAGS.sub(" ", source)
    for word in AS_IT_IS:
        outside = outside.replace(word, "")
    return inside, "".join(JAPANESE.findall(outside))


def texts_of(folder: Path) -> set[str]:
    found = {text for file in folder.glob("*.html") for text in template_texts(file.read_text())[0]}
    skip = {"civic/dates.py": lambda text: "。" not in text}
    for module in modules_of(folder):
        keep = skip.get(module.relative_to(ROOT / "kit").as_posix()) if folder == KIT else None
        found |= {text for text in python_texts(module.read_text()) if not (keep and keep(text))}
    return found | (set() if folder == KIT else words_of(folder.parent.name))


def words_of(system: str) -> set[str]:
    """Japanese words that pages show from the contract and the model."""
    purposes = yaml.safe_load((ROOT / "systems" / system / "contract.yaml").read_text())["purposes"].values()
    model = importlib.import_module(f"systems.{system}.model.certificates")
    certificates = [*model.KINDS.values(), *model.REQUESTERS.values(), *model.DOCUMENTS.values()]
    items = importlib.import_module(f"systems.{system}.rules.printing").ITEM_NAMES.values()
    layout = importlib.import_module(f"systems.{system}.model.import_layout")
    columns = importlib.import_module(f"systems.{system}.model.imports").LAYOUT
    imports = [*layout.NOTES, *layout.KIND_NAMES.values(), *(each.description for each in columns if each.description)]
    imports += importlib.import_module(f"systems.{system}.rules.imports").ADVICE.values()
    reasons = importlib.import_module(f"systems.{system}.model.movements").REASONS.values()
    kept = importlib.import_module(f"systems.{system}.model.retention").CLASSES.values()
    classes = {text for each in kept for text in (each.label, each.clock, each.fate) if text}
    return {*purposes, *certificates, *items, *imports, *reasons, *classes, *told_by(system)}


def told_by(system: str) -> set[str]:
    """Titles of a system's errors and alerts, and of its statistics."""
    alerts = importlib.import_module(f"systems.{system}.rules.alerts")
    tables = importlib.import_module(f"systems.{system}.service.statistics").TITLES.values()
    titles = titles_of(importlib.import_module(f"systems.{system}.model.errors"))
    return {*titles, *tables, *(each.title for each in vars(alerts).values() if isinstance(each, alerts.Alert))}


def titles_of(module: ModuleType) -> set[str]:
    """First lines of the docstrings of a module's own errors, which are their titles."""
    own = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]
    return {(each.__doc__ or "").splitlines()[0] for each in own}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_every_text_has_its_english(folder: Path) -> None:
    missing = sorted(text for text in texts_of(folder) if not english(folder).get(text))
    assert missing == []


def test_every_title_of_the_kits_errors_has_its_japanese() -> None:
    assert titles_of(errors) - set(english(KIT).values()) == set()


def test_titles_are_read_from_where_they_stand() -> None:
    found = words_of("resident_registry")
    assert {"世帯主は一世帯に一人です。", "抑止が設定されています。内容を確認してください。", "人口異動報告"} <= found


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_templates_hold_no_text_outside_the_catalogue(folder: Path) -> None:
    assert {file.name: rest for file in folder.glob("*.html") if (rest := template_texts(file.read_text())[1])} == {}


def test_mutant_a_text_outside_the_catalogue_is_found() -> None:
    assert template_texts("<p>住民</p>{{ t('x') }}")[1] == "住民"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_pages_take_nothing_from_outside_and_hold_no_script_or_style(folder: Path) -> None:
    for file in (*folder.glob("*.html"), *folder.glob("*.css")):
        text = file.read_text()
        assert not re.search(r"https?://|//cdn|<script|<style|\son\w+=|style=|javascript:", text), file.name
        assert "@import" not in text, file.name


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_every_form_that_posts_carries_the_token(folder: Path) -> None:
    for file in folder.glob("*.html"):
        for form in re.findall(r'<form method="post".*?</form>', file.read_text(), re.DOTALL):
            if "multipart" in form:  # read only once the session is known: its token stands in the address
                assert "csrf={{ session.csrf }}" in form, file.name
            else:
                assert 'name="csrf"' in form, file.name


def page_routers() -> Iterator[tuple[str, APIRouter]]:
    for folder in FOLDERS[1:]:
        room = importlib.import_module(f"systems.{folder.parent.name}.pages")
        for each in pkgutil.iter_modules(room.__path__):
            router = getattr(importlib.import_module(f"{room.__name__}.{each.name}"), "router", None)
            if isinstance(router, APIRouter):
                yield each.name, router


def called(dependant: object) -> set[object]:
    return {each.call for each in dependant.dependencies} | {  # type: ignore[attr-defined]
        call
        for each in dependant.dependencies
        for call in called(each)  # type: ignore[attr-defined]
    }


def guarded(router: APIRouter) -> list[str]:
    """Routes of a page router that want no session first, or no role."""
    wrong = []
    for route in router.routes:
        first = route.dependant.dependencies[0].call  # type: ignore[attr-defined]
        roles = [getattr(call, "roles", ()) for call in called(route.dependant)]  # type: ignore[attr-defined]
        if first is not open_session or not any(roles):
            wrong.append(route.path)  # type: ignore[attr-defined]
    return wrong


def test_every_page_opens_the_session_first_and_wants_a_role() -> None:
    found = list(page_routers())
    assert len(found) > 2
    assert {name: wrong for name, router in found if (wrong := guarded(router))} == {}


def without_purpose(router: APIRouter) -> bool:
    from systems.resident_registry.pages.desk import purpose_chosen

    return not all(purpose_chosen in called(route.dependant) for route in router.routes)  # type: ignore[attr-defined]


def test_only_the_first_pages_are_shown_without_a_purpose() -> None:
    assert [name for name, router in page_routers() if without_purpose(router)] == ["home"]


def test_mutant_a_page_that_asks_for_no_purpose_is_found() -> None:
    from systems.resident_registry.pages.desk import router as new_router

    for with_purpose in (True, False):
        router = new_router(with_purpose=with_purpose)
        router.add_api_route("/x", lambda: None)
        assert without_purpose(router) is not with_purpose


def test_mutant_a_page_without_a_session_is_found() -> None:
    router = APIRouter(dependencies=[Depends(lambda: None)])

    @router.get("/open")
    def open_to_all() -> None: ...

    assert guarded(router) == ["/open"]
