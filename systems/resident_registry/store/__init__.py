"""Rows to model and back: the only SQL of the register. No decisions."""
