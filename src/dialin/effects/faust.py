"""Faust programs, compiled and run by DawDreamer.

The host gives each parameter's path, native range and initial value; `dialin.effects.faust_ui`
finds units, scales and menus.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from dialin.audio import Audio
from dialin.effects.effect import Stream
from dialin.effects.faust_ui import Widget, parse_widgets, translate
from dialin.effects.host_path import host_path
from dialin.effects.parameter import MAX_GAIN_DB, Parameter, identifier
from dialin.effects.settle import RATE, Settled
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import EffectLoadError, EffectNotFoundError

if TYPE_CHECKING:
    from dialin.effects.dawdreamer_host import Graph

_LEFT_OUT = {"gate", "bypass", "freeze"}
_COUNTED = 16
"""A knob of at most so many whole steps is stepped; one of more is as good as continuous."""


def open_faust(path: str) -> FaustEffect:
    """Compile a Faust program.

    Parameters
    ----------
    path : str
        Of a ``.dsp`` file; ``~`` is the home folder.

    Returns
    -------
    FaustEffect

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
    """One Faust program.

    Parameters
    ----------
    path : Path
        Of the program.
    program : str
        Its text.
    """

    def __init__(self, path: Path, program: str) -> None:
        self._path, self._program = path, program
        self._graphs: dict[int, Graph] = {}
        self._inputs = self._outputs = 0
        try:
            self._folder = host_path(path.parent)
            source = translate(program, Path(self._folder))
        except RuntimeError as error:
            raise EffectLoadError(
                f"the Faust program {str(path)!r} does not compile: {faust_message(str(error))}"
            ) from error
        # What the program imports is part of it; where it lies is not.
        self._build = hashlib.sha256(source.replace(self._folder, "").encode()).hexdigest()
        graph = self._graph(RATE)
        self._keys, self._spec = self._describe(graph.processor, parse_widgets(source))
        self._settled = Settled(self._spec, min(2, self._inputs))

    @property
    def spec(self) -> EffectSpec:
        """Identity and knobs."""
        return self._spec

    def process(
        self, audio: Audio, sample_rate: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> Audio:
        """Render; see `Effect.process`.

        Parameters
        ----------
        audio : ndarray, float32, shape (channels, samples)
            Full scale is 1.
        sample_rate : int
            In hertz.
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.
        tail : float, default 0.0
            Seconds of silence after the input that are rendered too.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
        """
        return self._settled.process(self._render, audio, sample_rate, settings, tail=tail)

    def stream(
        self, sample_rate: int, channels: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> Stream:
        """Start a block-wise render; see `PrerollStream`.

        Parameters
        ----------
        sample_rate : int
            In hertz.
        channels : int
            Number of channels.
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.
        tail : float, default 0.0
            Seconds of silence after the input that are rendered too.

        Returns
        -------
        Stream
        """
        return self._settled.preroll(self._render, sample_rate, channels, settings, tail=tail)

    def state(self, settings: ArrayLike) -> bytes | None:
        """Faust programs have no state beside their parameters.

        Parameters
        ----------
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.

        Returns
        -------
        bytes or None
        """
        return None

    def close(self) -> None:
        """Let go of the compiled program."""
        self._graphs.clear()

    def _render(self, audio: Audio, sample_rate: int, vector: Settings) -> Audio:
        from dialin.effects.dawdreamer_host import BusLayout, spread

        values = {
            key: p.at_rate(p.to_native(u), sample_rate)
            for key, p, u in zip(self._keys, self._spec.parameters, vector, strict=True)
        }
        graph = self._graph(sample_rate)
        layout = BusLayout(self._inputs, self._outputs, tuple(range(min(2, self._inputs))))
        return spread(audio, layout, lambda fed: graph.render(fed, values))

    def _graph(self, sample_rate: int) -> Graph:
        from dialin.effects.dawdreamer_host import Graph

        if sample_rate in self._graphs:
            return self._graphs[sample_rate]

        def make(engine: Any) -> Any:
            processor = engine.make_faust_processor("effect")
            processor.faust_libraries_path = self._folder
            try:
                # Faust takes a program of the same text for the same, whatever it imports.
                processor.set_dsp_string(f"{self._program}\n// {self._build}\n")
                processor.compile()
            except (RuntimeError, ValueError) as error:
                raise EffectLoadError(
                    f"the Faust program {str(self._path)!r} does not compile: "
                    f"{faust_message(str(error))}"
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

    def _describe(self, processor: Any, widgets: list[Widget]) -> tuple[list[str], EffectSpec]:
        described = list(processor.get_parameters_description())
        told = [host_label(str(d["label"])) for d in described]
        if told != [" ".join(w.label.split()) for w in widgets]:
            raise EffectLoadError(
                f"the Faust program {str(self._path)!r}: its knobs cannot be told apart "
                f"({', '.join(w.label for w in widgets)}); give each its own label"
            )
        keys: list[str] = []
        settable: list[Parameter] = []
        excluded: list[Parameter] = []
        for host, widget, id in zip(described, widgets, widget_ids(widgets), strict=True):
            low, high = float(host["min"]), float(host["max"])
            if widget.kind == "meter" or not high > low:
                continue
            parameter = _parameter(id, host, widget)
            if id in _LEFT_OUT or widget.kind == "button":
                excluded.append(parameter.with_status("excluded"))
            else:
                keys.append(str(host["name"]))
                settable.append(parameter)
        spec = EffectSpec(
            uri=f"faust:{self._path}",
            name=_declared(self._program, "name") or self._path.stem,
            format="faust",
            parameters=tuple(settable),
            excluded=tuple(excluded),
            version=_declared(self._program, "version"),
            vendor=_declared(self._program, "author"),
            file=str(self._path),
            file_hash=self._build,
            channels=min(2, self._inputs),
        )
        return keys, spec


def host_label(text: str) -> str:
    """Label as the program has it: the host hands out UTF-8 read byte by byte as Latin-1.

    Parameters
    ----------
    text : str
        As DawDreamer gives it.

    Returns
    -------
    str
        With single spaces.
    """
    try:
        text = text.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        pass  # not so after all: another version of the host
    return " ".join(text.split())


def widget_ids(widgets: list[Widget]) -> list[str]:
    """Ids of knobs: their label, with the box around it where two have the same.

    Parameters
    ----------
    widgets : list of Widget
        In order.

    Returns
    -------
    list of str
        One for each, all different.
    """

    def safe(*words: str) -> str:
        return identifier(" ".join(words), "knob")

    plain = Counter(safe(w.label) for w in widgets)
    used: Counter[str] = Counter()
    result = []
    for widget in widgets:
        id = safe(widget.label)
        if plain[id] > 1 and len(widget.groups) > 1:
            id = safe(widget.groups[-1], widget.label)
        used[id] += 1
        result.append(id if used[id] == 1 else f"{id}_{used[id]}")
    return result


def faust_message(text: str) -> str:
    """Faust's complaint with the line as it is in the file (the host puts one line before it).

    Parameters
    ----------
    text : str
        Of the exception that DawDreamer raised.

    Returns
    -------
    str
    """
    text = text.partition(". Check the faustlibraries path")[0]
    match = re.search(r"(\S+):(-?\d+) : ERROR : (.*)", text, re.DOTALL)
    if match is None:
        return " ".join(re.sub(r"^\S+\(\): ERROR : ", "", text).split())
    file, line, said = match[1], int(match[2]), " ".join(match[3].split())
    if line < 1:
        return said
    return f"line {max(1, line - 1)}: {said}" if file == "dawdreamer" else f"{file}:{line}: {said}"


def _parameter(id: str, host: Any, widget: Widget) -> Parameter:
    low, high = float(host["min"]), float(host["max"])
    default = min(high, max(low, float(host["value"])))
    name, unit = " ".join(widget.label.split()), widget.unit
    if widget.kind in ("checkbox", "button"):
        return Parameter(id, name, unit, low, high, high if default > 0.5 else low, "toggle")
    menu = [(value, label) for value, label in widget.menu if low <= value <= high]
    if len(menu) >= 2:
        values = tuple(value for value, _ in menu)
        nearest = min(values, key=lambda v: abs(v - default))
        labels = tuple(label for _, label in menu)
        return Parameter(
            id, name, unit, values[0], values[-1], nearest, "stepped", values=values, labels=labels
        )
    step = float(host.get("step", 0.0) or 0.0)
    count = round((high - low) / step) + 1 if step > 0 else 0
    if 2 <= count <= _COUNTED and step.is_integer():
        return Parameter(
            id, name, unit, low, low + (count - 1) * step, default, "stepped", steps=count
        )
    if unit == "dB" and low < MAX_GAIN_DB < high:
        high, default = MAX_GAIN_DB, min(MAX_GAIN_DB, default)
    log = low > 0 and (widget.log or (unit == "Hz" and high / low >= 50))
    return Parameter(id, name, unit, low, high, default, "log" if log else "linear")


def _declared(program: str, key: str) -> str:
    match = re.search(rf'declare\s+{key}\s+"([^"]+)"', program)
    return match[1] if match else ""
