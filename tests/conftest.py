"""Fixtures that every test may ask for."""

from tests.support.browser import staff
from tests.support.cloud import cloud
from tests.support.postgres import postgres
from tests.support.registry import register, tx

__all__ = ["cloud", "postgres", "register", "staff", "tx"]
