"""A real cluster for the tests of the land: a testbed of its own, or the one that MCLOUD_TEST_KUBECONFIG names."""

from tests.support.cluster import site

__all__ = ["site"]
