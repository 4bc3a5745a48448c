"""A module that cannot be imported."""

PRICE = 1 / 0
