"""Schemathesis over a service's OpenAPI: each operation is asked with what its schema allows and with what it does not."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from kit import log

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: what a schema cannot forbid in words: NUL, far too large, astral with a variation selector, right-to-left, long, empty
AWKWARD = ("\0", 10**30, -(2**63) - 1, "𠮷\U000e0101", "\u202e", "x" * 5000, "")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
#: the ends of the calendar, a leap day, the day after it, and days near today
DAYS = ("0001-01-01", "9999-12-31", "2024-02-29", "1868-01-24", "2026-11-24", "2026-11-25")


@dataclass
class Found:
    """What was asked, what came back, and what was wrong with it."""

    asked: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    operations: set[str] = field(default_factory=set)
    wrong: dict[str, str] = field(default_factory=dict)


def ask_everything(
    schema: Any, sessions: Sequence[Any], *, known: Mapping[str, Sequence[str]], headers: Mapping[str, str], examples: int
) -> Found:
    """Every operation, `examples` times in each way; `sessions` are the callers in turn.

    `known` names objects that are there by the parameter of a path that carries one; ids in bodies are taken from it too, so that
    the questions come further than «there is no such thing».
    """
    found = Found()
    ids = sorted({each for some in known.values() for each in some if UUID.fullmatch(each)})
    for result in schema.get_all_operations():
        operation = result.ok()
        found.operations.add(operation.label)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            _ask(operation, mode, sessions, known, dict(headers), ids, examples, found)
    return found


def _ask(
    operation: Any,
    mode: GenerationMode,
    sessions: Sequence[Any],
    known: Mapping[str, Sequence[str]],
    headers: dict[str, str],
    ids: list[str],
    examples: int,
    found: Found,
) -> None:
    names = re.findall(r"{(\w+)}", operation.path)

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def one(data: st.DataObject) -> None:
        given_path = {name: data.draw(st.sampled_from(known[name])) for name in names if name in known}
        real = len(given_path) == len(names) and data.draw(st.integers(0, 3)) > 0
        case = data.draw(operation.as_strategy(generation_mode=mode, path_parameters=given_path if real and names else None))
        if data.draw(st.integers(0, 7)):
            case.headers = {k: v for k, v in (case.headers or {}).items() if k.lower() not in headers} | headers
        if isinstance(case.body, dict | list) and data.draw(st.booleans()):
            case.body = _bent(case.body, data, ids, awkward=data.draw(st.booleans()))
        if isinstance(case.query, dict):
            case.query = _bent(case.query, data, ids, awkward=False)
        session = sessions[found.asked % len(sessions)]
        found.asked += 1
        try:
            response = case.call(session=session)
        except Exception as fault:  # an application in this process hands its fault on, a server of its own answers 500
            key = f"{operation.label}: {type(fault).__name__} at {log.where(fault)}"
            found.wrong.setdefault(key, f"{fault} | {case.as_curl_command()[:700]}")
            return
        found.statuses[response.status_code] = found.statuses.get(response.status_code, 0) + 1
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                key = f"{operation.label}: {type(failure).__name__} {response.status_code}"
                found.wrong.setdefault(key, f"{failure} | {case.as_curl_command()[:700]} | {response.content[:300]!r}")
        if isinstance(case.body, dict) and case.body:
            _ask_with_half_a_pair(case, session, data.draw(st.sampled_from(sorted(case.body))), found)

    try:
        one()
    except Unsatisfiable:  # whatever is sent there is allowed by the schema
        if mode is not GenerationMode.NEGATIVE:
            raise


def _ask_with_half_a_pair(case: Any, session: Any, name: str, found: Found) -> None:
    """The same body with half a surrogate pair, which the tool itself cannot send."""
    body = json.dumps(case.body | {name: _halved(case.body[name])})
    sent = {**case.headers, "Content-Type": "application/json"}
    found.asked += 1
    place = ("" if case.operation.app else case.operation.base_url.rstrip("/")) + case.formatted_path
    try:
        response = session.request(case.method, place, params=case.query, data=body, headers=sent)
    except Exception as fault:
        found.wrong.setdefault(f"{case.operation.label}: half a pair at {log.where(fault)}", f"{name} | {body[:500]} | {fault}")
        return
    if response.status_code >= 500 or str(response.status_code) not in case.operation.definition.raw["responses"]:
        key = f"{case.operation.label}: half a pair {response.status_code}"
        found.wrong.setdefault(key, f"{name} | {body[:500]} | {response.content[:300]!r}")


def _halved(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _halved(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_halved(each) for each in value]
    return "\ud800" if isinstance(value, str) else value


def _bent(value: Any, data: st.DataObject, ids: list[str], *, awkward: bool) -> Any:
    """The same body with ids of things that are there, and now and then something awkward in a leaf."""
    if isinstance(value, dict):
        return {key: _bent(each, data, ids, awkward=awkward) for key, each in value.items()}
    if isinstance(value, list):
        return [_bent(each, data, ids, awkward=awkward) for each in value]
    if isinstance(value, str) and UUID.fullmatch(value):
        return data.draw(st.sampled_from(ids))
    if isinstance(value, str) and DAY.fullmatch(value):
        return data.draw(st.sampled_from((value, *DAYS)))
    if awkward and data.draw(st.integers(0, 5)) == 0:
        return data.draw(st.sampled_from(AWKWARD))
    return value
