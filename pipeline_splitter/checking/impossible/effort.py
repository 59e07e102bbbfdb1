"""The search budget: counts, never seconds, so that the same files get the same verdict."""

from dataclasses import dataclass


class UndecidedError(Exception):
    """A search gave up; neither answer was proven."""


@dataclass
class Effort:
    """The rest of the search budget.

    Attributes:
        left: so many steps of the pipeline, or so many blocks put at a site, may still be looked at.
    """

    left: int

    def spend(self, count: int) -> None:
        """Look at that many.

        Raises:
            UndecidedError: there is not so much left.
        """
        self.left -= count
        if self.left < 0:
            raise UndecidedError
