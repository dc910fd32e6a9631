"""Thin Pulumi dynamic providers: each class only calls functions that tests and `infra.run` call too.

The engine stores a provider by the name of its class; credentials are read when a method runs, never before.
"""
