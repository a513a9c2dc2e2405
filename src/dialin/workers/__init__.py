"""Anything in another process: how workers start and end, and functions called in them.

Workers are fresh interpreters that never import the program's main script, so a script that uses
them needs no ``if __name__ == "__main__"``, and nothing of the program (its environment, its
threads, its signal handlers) is changed to start them. They end when the program does, however
that may end.

`CallPool` calls functions. `dialin.rendering` has a pool of its own on the same ground, for
effects.
"""

from dialin.workers.calls import CallPool

__all__ = ["CallPool"]
