"""Faust programs, compiled and run by DawDreamer.

The host gives each parameter's path and native range; units, scales, menus and initial values stand
in the program text (Faust manual, "Metadata") and are read from there.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from dialin.audio import Audio
from dialin.effects.effect import Stream
from dialin.effects.parameter import Parameter
from dialin.effects.preroll import PrerollStream
from dialin.effects.spec import EffectSpec
from dialin.errors import EffectLoadError, EffectNotFoundError

if TYPE_CHECKING:
    from dialin.effects.dawdreamer_host import Graph

_WIDGET = re.compile(
    r"\b(hslider|vslider|nentry|checkbox|button)\s*\(\s*\"([^\"]*)\"\s*(?:,([^)]*))?\)"
)
_META = re.compile(r"\[\s*(\w+)\s*:\s*([^\]]*)\]")
_MENU = re.compile(r"'([^']*)'\s*:\s*(-?[\d.]+)")
_LEFT_OUT = {"gate", "bypass", "freeze"}


@dataclass(frozen=True)
class _Widget:
    kind: str
    label: str
    meta: dict[str, str]
    numbers: tuple[float, ...]


def open_faust(path: str) -> FaustEffect:
    """Compile a Faust program.

    Raises
    ------
    EffectNotFoundError
        If there is no such file.
    EffectLoadError
        If it does not compile (with Faust's own message and line), or is no effect.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise EffectNotFoundError(f"there is no Faust program {path!r}; check the path")
    try:
        return FaustEffect(file.resolve(), file.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise EffectLoadError(f"{path!r} is no Faust program: it is no text ({error})") from error


class FaustEffect:
    """One Faust program."""

    def __init__(self, path: Path, program: str) -> None:
        self._path, self._program = path, program
        self._graphs: dict[int, Graph] = {}
        self._inputs = self._outputs = 0
        graph = self._graph(44_100)
        self._keys, self._spec = self._describe(graph.processor)

    @property
    def spec(self) -> EffectSpec:
        """Identity and knobs."""
        return self._spec

    def process(
        self, audio: Audio, sample_rate: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> Audio:
        """Render; see `Effect.process`."""
        from dialin.effects.dawdreamer_host import Layout, spread

        vector = self._spec.check(settings)
        values = {
            key: p.to_native(u)
            for key, p, u in zip(self._keys, self._spec.parameters, vector, strict=True)
        }
        graph = self._graph(sample_rate)
        silence = round(tail * sample_rate)
        if silence > 0:
            audio = np.pad(audio, ((0, 0), (0, silence)))
        layout = Layout(self._inputs, self._outputs, tuple(range(min(2, self._inputs))))
        return spread(audio, layout, lambda fed: graph.render(fed, values))

    def stream(
        self, sample_rate: int, channels: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> Stream:
        """Start a block-wise render; see `PrerollStream`."""
        vector = self._spec.check(settings)
        return PrerollStream(
            lambda audio: self.process(audio, sample_rate, vector),
            channels,
            sample_rate,
            round(tail * sample_rate),
        )

    def state(self, settings: ArrayLike) -> bytes | None:
        """Faust programs have no state beside their parameters."""
        return None

    def close(self) -> None:
        """Let go of the compiled program."""
        self._graphs.clear()

    def _graph(self, sample_rate: int) -> Graph:
        from dialin.effects.dawdreamer_host import Graph

        if sample_rate in self._graphs:
            return self._graphs[sample_rate]

        def make(engine: Any) -> Any:
            processor = engine.make_faust_processor("effect")
            processor.faust_libraries_path = str(self._path.parent)
            try:
                processor.set_dsp_string(self._program)
                processor.compile()
            except (RuntimeError, ValueError) as error:
                message = " ".join(str(error).split())
                raise EffectLoadError(
                    f"the Faust program {str(self._path)!r} does not compile: {message}"
                ) from error
            self._inputs = int(processor.get_num_input_channels())
            self._outputs = int(processor.get_num_output_channels())
            if self._inputs == 0 or self._outputs == 0:
                raise EffectLoadError(
                    f"the Faust program {str(self._path)!r} has {self._inputs} inputs and "
                    f"{self._outputs} outputs; an effect needs at least one of each"
                )
            return processor

        inputs = self._inputs or 2
        graph = Graph(make, sample_rate, inputs)
        if self._inputs != inputs:
            graph = Graph(make, sample_rate, self._inputs)
        self._graphs[sample_rate] = graph
        return graph

    def _describe(self, processor: Any) -> tuple[list[str], EffectSpec]:
        widgets = _widgets(self._program)
        keys: list[str] = []
        settable: list[Parameter] = []
        excluded: list[Parameter] = []
        seen: set[str] = set()
        for described in processor.get_parameters_description():
            path = str(described["name"])
            label = _META.sub("", path.rsplit("/", 1)[-1]).strip().replace("_", " ")
            id = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_") or "knob"
            count, base = 1, id
            while id in seen:
                count += 1
                id = f"{base}{count}"
            seen.add(id)
            low, high = float(described["min"]), float(described["max"])
            if not high > low:
                continue
            parameter = _parameter(id, label, low, high, described, widgets.get(_key(label)))
            if id in _LEFT_OUT or (widgets.get(_key(label)) or _NONE).kind == "button":
                excluded.append(parameter.with_status("excluded"))
            else:
                keys.append(path)
                settable.append(parameter)
        digest = hashlib.sha256(self._program.encode()).hexdigest()
        spec = EffectSpec(
            uri=f"faust:{self._path}",
            name=_declared_name(self._program) or self._path.stem,
            format="faust",
            parameters=tuple(settable),
            excluded=tuple(excluded),
            file=str(self._path),
            file_hash=digest,
        )
        return keys, spec


_NONE = _Widget("", "", {}, ())


def _key(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", label.lower())


def _widgets(program: str) -> dict[str, _Widget]:
    """Widgets in the program's text by their label."""
    found = {}
    for kind, label, numbers in _WIDGET.findall(program):
        meta = {name: value.strip() for name, value in _META.findall(label)}
        plain = _META.sub("", label).strip()
        values = tuple(float(n) for n in re.findall(r"-?\d+\.?\d*(?:[eE]-?\d+)?", numbers or ""))
        found[_key(plain)] = _Widget(kind, plain, meta, values)
    return found


def _parameter(
    id: str, name: str, low: float, high: float, described: Any, widget: _Widget | None
) -> Parameter:
    widget = widget or _NONE
    unit = {"%": "%", "percent": "%"}.get(widget.meta.get("unit", ""), widget.meta.get("unit", ""))
    initial = float(described.get("value", low))
    default = min(high, max(low, initial))
    if widget.kind == "checkbox":
        return Parameter(id, name, unit, low, high, high if default > 0.5 else low, "toggle")
    menu = sorted(
        (float(value), label) for label, value in _MENU.findall(widget.meta.get("style", ""))
    )
    if len(menu) >= 2:
        values = tuple(value for value, _ in menu)
        nearest = min(values, key=lambda v: abs(v - default))
        labels = tuple(label for _, label in menu)
        return Parameter(
            id, name, unit, values[0], values[-1], nearest, "stepped", values=values, labels=labels
        )
    step = float(described.get("step", 0.0) or 0.0)
    count = round((high - low) / step) + 1 if step > 0 else 0
    if 2 <= count <= 16 and float(step).is_integer():
        return Parameter(id, name, unit, low, high, default, "stepped", steps=count)
    log = low > 0 and (widget.meta.get("scale") == "log" or (unit == "Hz" and high / low >= 50))
    return Parameter(id, name, unit, low, high, default, "log" if log else "linear")


def _declared_name(program: str) -> str:
    found = re.search(r"declare\s+name\s+\"([^\"]+)\"", program)
    return found.group(1) if found else ""
