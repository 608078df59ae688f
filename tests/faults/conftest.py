import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark whatever is collected in this folder."""
    item.add_marker(pytest.mark.faults)
