"""Anything in another process: how workers start and end, and functions called in them.

Workers are fresh interpreters that never import the program's main script, so a script that uses
them needs no ``if __name__ == "__main__"``, and nothing of the program (its environment, its
threads, its signal handlers) is changed to start them. They end when the program does, however
that may end.

`WorkerPool` is what everything else is made of: tasks in, futures of `Result` out. `CallPool`
calls functions; `dialin.rendering.RenderPool` renders effects.
"""

from dialin.workers.calls import CallPool
from dialin.workers.pool import WorkerPool
from dialin.workers.task import Loss, Result, Task

__all__ = ["CallPool", "Loss", "Result", "Task", "WorkerPool"]
