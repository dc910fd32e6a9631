"""Fixtures that every test may ask for."""

from tests.support.cloud import cloud
from tests.support.postgres import postgres

__all__ = ["cloud", "postgres"]
