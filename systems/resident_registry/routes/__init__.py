"""The counter for machines: zone mynumber. One module a subject; the process finds their routers here."""

from systems.resident_registry.routes import (
    browsing,
    certificates,
    exports,
    history,
    imports,
    letters,
    measures,
    movements,
    people,
    retention,
    search,
    statistics,
    support_cases,
)

SUBJECTS = (
    search,
    people,
    history,
    movements,
    certificates,
    letters,
    measures,
    support_cases,
    retention,
    statistics,
    browsing,
    imports,
    exports,
)
routers = tuple(module.router for module in SUBJECTS)
