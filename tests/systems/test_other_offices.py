"""Other offices of the town (他課照会) find 宛名, and nothing beyond."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from fastapi.routing import APIRoute

from infra.targets.services import Postgres
from kit.db import connect
from systems.__main__ import page_routers
from systems.resident_registry.pages.desk import BASE
from systems.resident_registry.routes import routers
from tests.support.desk import Desk, desk
from tests.support.registry import PLACE, move_in, person
from tests.systems.test_registry_disclosure import founded, protect

WHO, PURPOSE = "other-office", "other_office"
#: pages that they may open: where work begins, the purpose, and the search
OPEN = {"", "/purpose", "/search"}


@pytest.fixture(scope="module")
def people() -> dict[str, UUID]:
    return {}


@pytest.fixture(scope="module")
def town(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory, people: dict[str, UUID]) -> Iterator[Desk]:
    with desk(founded(postgres, tmp_path_factory.mktemp("segments")).app) as found:
        with connect(found.behind, actor="clerk") as tx:
            tx.actor = "clerk"
            for name, lot in (("架空 公開", "1番地1"), ("架空 支援", "1番地2")):
                [one] = move_in(tx, person(name), place=replace(PLACE, address=f"宮城県牡鹿郡女川町女川{lot}"))
                people[name] = one.id
        protect(found, people["架空 支援"], [])
        yield found


def test_what_they_see_is_an_addressee_with_the_flag(town: Desk) -> None:
    """Mutant: without the role in `rules.measures.TOLD` the flag is not told; seen failing."""
    asked = {"purpose": PURPOSE, "json": {"name": "架空"}}
    shown = {each["name"]: each for each in town.done(WHO, "POST", "/residents/search", **asked)["residents"]}
    assert set(shown) == {"架空 公開", "架空 支援"}
    assert set(shown["架空 公開"]) == {"id", "atena_no", "name", "kana", "born_on", "sex", "address", "restricted"}
    assert (shown["架空 公開"]["restricted"], bool(shown["架空 公開"]["address"])) == (False, True)
    assert (shown["架空 支援"]["restricted"], shown["架空 支援"]["address"]) == (True, None)
    assert town.ask(WHO, "POST", "/residents/search", json={"name": "架空"}, purpose="").status_code == 428
    with connect(town.behind) as tx:
        looks = tx.rows("SELECT detail ->> 'act' AS act FROM journal.entry WHERE kind = 'access' AND actor = %s", (WHO,))
    assert [each["act"] for each in looks] == ["search", "search"]


def test_nothing_else_opens_to_them(town: Desk, people: dict[str, UUID]) -> None:
    """Every route of the counter, those that come later too. Mutant: `Clerk` with the role of other offices; seen failing."""
    values = {"resident_id": str(people["架空 公開"])}
    every = [
        route for router in routers if router.tags[0] == "mynumber" for route in router.routes if isinstance(route, APIRoute)
    ]
    opened = set()
    for route in every:
        path = route.path.removeprefix("/resident-registry")
        place = path.format(**{each.name: values.get(each.name, values["resident_id"]) for each in route.dependant.path_params})
        for method in route.methods or ():
            opened |= {path} if town.ask(WHO, method, place, purpose=PURPOSE, json={}).status_code != 403 else set()
    assert opened == {"/residents/search"}


def test_their_pages_are_the_start_and_the_search(town: Desk, people: dict[str, UUID]) -> None:
    number = str(people["架空 公開"])
    pages = [route for router in page_routers(town.app.state.settings) for route in router.routes if isinstance(route, APIRoute)]
    opened = set()
    for route in (each for each in pages if "GET" in (each.methods or ())):
        path = route.path.removeprefix(BASE)
        place = path.format(**dict.fromkeys((each.name for each in route.dependant.path_params), number))
        opened |= {path} if town.look(WHO, place, purpose=PURPOSE).status_code != 403 else set()
    assert opened == OPEN
    assert town.send(WHO, "/search", {"name": "架空"}, purpose=PURPOSE).status_code == 303
    page = town.look(WHO, "/search", purpose=PURPOSE).text
    assert "支援措置" in page
    assert "住所は表示できません" in page
    assert number not in page  # nothing to go on to
