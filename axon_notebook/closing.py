"""A base class for owners of resources: a context manager that closes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

__all__ = ["Closing"]


class Closing(ABC):
    """Owns something until :meth:`close`; ``with`` closes it at the end of the block."""

    @abstractmethod
    def close(self) -> None:
        """Give back what is owned; idempotent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
