"""What somebody who renders needs of a pool."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dialin.rendering.job import Job, Result, SharedAudio

if TYPE_CHECKING:
    from dialin.audio import Audio
    from dialin.effects.probe import Probe
    from dialin.effects.spec import EffectSpec


class Renderer(Protocol):
    """Renders jobs; each method is described at `RenderPool`, which is one.

    A wrapper that counts or keeps what is rendered is another.
    """

    @property
    def workers(self) -> int:
        """How many jobs it renders at a time."""

    @property
    def deadline(self) -> float:
        """Seconds a job may take."""

    @property
    def closed(self) -> bool:
        """Whether it can be used no more."""

    def share(self, audio: Audio, sample_rate: int) -> SharedAudio:
        """Put audio where workers can read it."""

    def release(self, shared: SharedAudio) -> None:
        """Free it."""

    def scratch(self) -> Path:
        """A fresh path on storage that workers see too."""

    def render(self, jobs: Iterable[Job]) -> list[Result]:
        """Render jobs, results in their order."""

    def render_iter(self, jobs: Iterable[Job]) -> Iterator[tuple[int, Result]]:
        """Render jobs, results as they come."""

    def call(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        deadline: float | None = None,
        effect: str | None = None,
        label: str | None = None,
    ) -> Any:
        """Run a function in a worker."""

    def map(
        self,
        function: Callable[..., Any],
        arguments: Iterable[tuple[Any, ...]],
        *,
        deadline: float | None = None,
        effect: str | None = None,
        label: str | None = None,
    ) -> list[Result]:
        """Run a function with many tuples of arguments."""

    def describe(self, uri: str) -> EffectSpec:
        """Spec of an effect or a chain."""

    def probe(self, uri: str, **options: Any) -> Probe:
        """Find out what an effect's knobs do."""
