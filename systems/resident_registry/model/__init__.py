"""Nouns of the register."""
