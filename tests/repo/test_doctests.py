"""Runs the examples in docstrings: pytest's own collector would import the folders by their bare names."""

import doctest
import importlib
import pkgutil

import pytest

ROOMS = ("treeshap", "core", "agreement", "features", "training", "serving", "cli")

_ALEMBICS_OWN = "leadlight.serving.store.migrations.env"
"""Runs within a migration only."""


def modules():
    for room in ROOMS:
        package = importlib.import_module(f"leadlight.{room}")
        yield package.__name__
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name != _ALEMBICS_OWN:
                yield found.name


@pytest.mark.parametrize("name", sorted(modules()))
def test_examples_in_docstrings_are_true(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0
