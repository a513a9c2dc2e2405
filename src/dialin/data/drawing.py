"""Drawing until something makes sense, and keeping count of what did not.

Excerpts may be silent, settings may make no sense, and a chain may not be heard: whatever is drawn
for an item or a pair is drawn again then, from the same generator, and every refusal is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


class Refused(Exception):
    """What was drawn makes no sense; another is drawn by `draw_until`.

    Parameters
    ----------
    cause : str
        Why, in a word or two, as records count it.
    """

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, eq=False)
class Drawn(Generic[T]):
    """What came of drawing.

    Attributes
    ----------
    value : object or None
        The first that was not refused; None where all were.
    refused : tuple of str
        Cause of each refusal before it, in order.
    """

    value: T | None
    refused: tuple[str, ...] = ()


def draw_until(draw: Callable[[int], T], tries: int) -> Drawn[T]:
    """Draw until something is not refused.

    Parameters
    ----------
    draw : callable
        Gets the number of the try, from 0, and returns something or raises `Refused`. Other errors
        are not caught.
    tries : int
        How often to draw at most.

    Returns
    -------
    Drawn

    Examples
    --------
    >>> def odd(number):
    ...     if number % 2 == 0 or number < 4:
    ...         raise Refused("even" if number % 2 == 0 else "small")
    ...     return number
    >>> draw_until(odd, 9)
    Drawn(value=5, refused=('even', 'small', 'even', 'small', 'even'))
    >>> draw_until(odd, 2).value is None
    True
    """
    refused: list[str] = []
    for number in range(tries):
        try:
            return Drawn(draw(number), tuple(refused))
        except Refused as refusal:
            refused.append(refusal.cause)
    return Drawn(None, tuple(refused))
