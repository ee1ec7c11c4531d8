"""The checker of shapes and types that the tests put on every function of the package."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""Beartype with the numeric tower: an int will do for a float."""
