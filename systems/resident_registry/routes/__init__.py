"""The counter for machines: zone mynumber. One module a subject; the process finds their routers here."""

from systems.resident_registry.routes import (
    certificates,
    exports,
    imports,
    measures,
    movements,
    people,
    search,
    statistics,
    support_cases,
)

SUBJECTS = (search, people, movements, certificates, measures, support_cases, statistics, imports, exports)
routers = tuple(module.router for module in SUBJECTS)
