"""What all private servers have in common: entering their context starts them, leaving it stops them."""

from abc import ABC, abstractmethod
from contextlib import ExitStack
from types import TracebackType
from typing import Self


class Server(ABC):
    """Started by ``start`` or by entering its context. Whatever a start that failed has begun is stopped again."""

    @abstractmethod
    def start(self) -> None:
        """Start, and wait until it serves."""

    @abstractmethod
    def stop(self) -> None:
        """Stop. It may be called again, and after a start that failed."""

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.push(self)
            self.start()
            undo.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
