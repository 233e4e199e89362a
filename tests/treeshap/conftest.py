from collections.abc import Callable
from functools import cache

import pytest

from forests import forest
from leadlight.treeshap import TreeShap


@pytest.fixture(scope="session")
def kernel() -> Callable[[str], TreeShap]:
    """The explained models by name, each laid out once."""
    return cache(lambda name: TreeShap(forest(name).text))
