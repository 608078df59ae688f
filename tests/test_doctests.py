import doctest
from importlib import import_module

import pytest
from house import ROOMS, modules


@pytest.mark.parametrize("name", modules(*ROOMS))
def test_examples_are_true(name: str) -> None:
    assert doctest.testmod(import_module(name)).failed == 0
