"""The sources of the soak, who announce by the command line, one program each at a time."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from clusters import Cluster

from winnowry.runners.servers.owned import Owned


class Posters:
    """Announces what it is given, for each source in the order given; whoever could not is started again."""

    def __init__(self, cluster: Cluster, folder: Path, urls: Mapping[str, str]) -> None:
        self._cluster = cluster
        self._folder = folder
        self._urls = dict(urls)
        self._todo: dict[str, deque[Sequence[str]]] = {source: deque() for source in urls}
        self._running: dict[str, Owned] = {}
        self.counts: Counter[str] = Counter()

    @property
    def busy(self) -> bool:
        """Whether something is still to be announced."""
        return bool(self._running) or any(self._todo.values())

    def announce(self, names: Sequence[str]) -> None:
        """Announce these files and folders, from all sources."""
        for todo in self._todo.values():
            todo.append(names)

    def keep(self) -> None:
        """Go on with what is to be announced."""
        for source, todo in self._todo.items():
            program = self._running.get(source)
            if program is not None:
                if program.running:
                    continue
                self.counts[f"post ended with {program.code}"] += 1
                program.kill()
                del self._running[source]
                if program.code == 0:
                    todo.popleft()
            if todo:
                url, tree = self._urls[source], self._folder / source
                self._running[source] = self._cluster.post(source, tree, url, *todo[0])
