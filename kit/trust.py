"""Whom this process trusts when it asks over TLS."""

import ssl
from functools import cache

import httpx2


@cache
def authorities() -> ssl.SSLContext:
    """The certificate authorities of httpx2's default, read once: reading them costs each client 16 ms of processor."""
    return httpx2.create_ssl_context()
