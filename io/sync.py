"""Have the disk keep files before they get their names, and those names before anybody is told of them.

No PTransform here: Place and the gate do it in the same step as the rename.
"""

from collections.abc import Sequence

from winnowry.io.tree import Tree
from winnowry.schemas.arrival import Arrival
from winnowry.schemas.errors import Terminal, Transient

Trouble = Transient | Terminal


def sync_files(arrivals: Sequence[Arrival], tree: Tree) -> dict[int, Trouble]:
    """Have the disk keep what was fetched for Arrivals; return what went wrong, by their numbers here.

    All of it is on its way to the disk before the first is waited for: one commit of a journal then does for many.
    """
    troubles: dict[int, Trouble] = {}
    for work in (tree.begin_to_write, tree.sync_file):
        for number, arrival in enumerate(arrivals):
            if number not in troubles and arrival.fetched is not None and arrival.fetched.temporary is not None:
                try:
                    work(arrival.fetched.temporary)
                except (Transient, Terminal) as error:
                    troubles[number] = error
    return troubles


def sync_names(arrival: Arrival, tree: Tree, synced: set[str]) -> None:
    """Have the disk keep the name of what was placed for an Arrival, and those of the folders above it.

    What is in ``synced`` was done before, in the same round. Raises DiskTrouble or Refused.
    """
    directory = arrival.place
    if arrival.post.operation is None or arrival.post.operation.kind != "mkdir":
        directory = directory.rpartition("/")[0]
    while directory not in synced:
        tree.sync(directory)
        synced.add(directory)
        directory = directory.rpartition("/")[0]
