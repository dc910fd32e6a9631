"""Two real one-node Kubernetes sites on one Linux machine, for development, tests and drills.

Each site is one process tree in its own process, mount and network namespaces and its own control groups. A cable joins the
two; it can be cut. When the tree's first process dies, the kernel ends everything in it.
"""
