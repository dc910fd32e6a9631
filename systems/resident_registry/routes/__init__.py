"""The counter for machines: zone mynumber. One module a subject; the process finds their routers here."""

from systems.resident_registry.routes import certificates, measures, movements, people, search, statistics, support_cases

routers = tuple(module.router for module in (search, people, movements, certificates, measures, support_cases, statistics))
