import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark whatever is collected in this folder."""
    item.add_marker(pytest.mark.faults)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the model go first: its thousands of lives are long in a process that holds what others have left."""
    items.sort(key=lambda item: item.path.name != "test_model.py")
