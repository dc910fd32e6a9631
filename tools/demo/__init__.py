"""The story of the first street, told by the real parts: `python -m tools.demo`."""
