"""LV2 plugins: their knobs from lilv, their sound from DawDreamer."""

from __future__ import annotations

import difflib
import functools
import hashlib
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from dialin.audio import Audio
from dialin.effects.effect import Stream
from dialin.effects.lilv import Lv2Plugin, Lv2Port, installed
from dialin.effects.parameter import MAX_GAIN_DB, Parameter
from dialin.effects.settle import RATE, LeadStream, Settled
from dialin.effects.spec import EffectSpec, Settings
from dialin.effects.tempo import USUAL
from dialin.errors import EffectLoadError, EffectNotFoundError, RenderError

if TYPE_CHECKING:
    from dialin.effects.dawdreamer_host import Graph

_UNITS = {
    "db": "dB", "hz": "Hz", "khz": "kHz", "mhz": "MHz", "ms": "ms", "s": "s", "min": "min",
    "pc": "%", "coef": "x", "semitone12TET": "st", "cent": "ct", "degree": "deg", "oct": "oct",
    "bpm": "bpm", "frame": "frames", "midiNote": "note", "G": "x",
}  # fmt: skip
_MAX_GAIN = 10 ** (MAX_GAIN_DB / 20)
_LOWEST_GAIN = 1e-3
_LOG_FLOOR = 1e-4
"""Where a logarithmic knob begins that goes down to 0 by its own word, as a share of its top."""
_NAMED_UNIT = re.compile(
    r"\((db|hz|khz|ms|s|secs?|seconds|%|bpm|degrees?|semitones?)\)$", re.IGNORECASE
)
_NAMED = {
    "db": "dB", "hz": "Hz", "khz": "kHz", "ms": "ms", "s": "s", "sec": "s", "secs": "s",
    "seconds": "s", "%": "%", "bpm": "bpm", "degree": "deg", "degrees": "deg",
    "semitone": "st", "semitones": "st",
}  # fmt: skip
_FREQUENCY = re.compile(r"\b(freq(uency)?|cut.?off)\b", re.IGNORECASE)
_EXCLUDED_PROPERTIES = {"notOnGUI", "trigger", "causesArtifacts", "expensive", "notAutomatic"}
_EXCLUDED_DESIGNATIONS = {"enabled", "latency", "freeWheeling"}
_TEMPO_DESIGNATION = "beatsPerMinute"
"""Of ports that the host sets to its tempo: no knobs for a person to turn."""
_EXCLUDED_NAME = re.compile(
    r"^(bypass|enabled?|on|power|active|dither(ing)?|panic|reset|clear|latency)$"
    r"|\b(bypass|meters?|pause|graph|visibility|fft|spectrum|solo|mute|ui|zoom|analy[sz]er)\b"
    r"|\b(peak reset|sidechain listen)\b",
    re.IGNORECASE,
)
_GAIN_NAME = re.compile(r"\b(gain|level|make-?up|output|input|volume|amp|drive)\b", re.IGNORECASE)
_SIDE_CHAIN = re.compile(r"side.?chain|external|\bkey\b|\bsc\b", re.IGNORECASE)


def open_lv2(uri: str) -> Lv2Effect:
    """Open an installed LV2 plugin by its URI.

    Parameters
    ----------
    uri : str
        Of the plugin, without ``lv2:``.

    Returns
    -------
    Lv2Effect

    Raises
    ------
    EffectNotFoundError
        If no plugin of that URI is installed; plugins of a similar name are suggested.
    EffectLoadError
        If it is an instrument, has no audio output, needs what the host does not offer, or does
        not open.
    """
    return Lv2Effect(describe_lv2(uri))


def describe_lv2(uri: str) -> Lv2Plugin:
    """What an installed plugin says of itself; see `open_lv2` for what it raises.

    Parameters
    ----------
    uri : str
        Of the plugin, without ``lv2:``.

    Returns
    -------
    Lv2Plugin

    Raises
    ------
    EffectNotFoundError
        If no plugin of that URI is installed.
    """
    plugin = installed().plugin(uri)
    if plugin is None:
        near = difflib.get_close_matches(uri, installed().uris(), n=2, cutoff=0.7)
        hint = f"did you mean {' or '.join(near)}?" if near else "see: dialin effects list"
        raise EffectNotFoundError(f"no LV2 plugin {uri!r} is installed; {hint}")
    return plugin


class Lv2Effect:
    """One LV2 plugin.

    Parameters
    ----------
    plugin : Lv2Plugin
        What lilv knows of it.
    """

    def __init__(self, plugin: Lv2Plugin) -> None:
        from dialin.effects.dawdreamer_host import check_layout

        self._plugin = plugin
        audio = [p for p in plugin.ports if p.kind == "audio"]
        inputs = [p for p in audio if p.is_input]
        self._layout = check_layout(
            f"the LV2 plugin {plugin.uri}",
            [p.name for p in inputs],
            sum(not p.is_input for p in audio),
            {index for index, port in enumerate(inputs) if _is_side_chain(port)},
        )
        ports = _controls(plugin)
        unscaled = [port.name for port in ports if "sampleRate" in port.properties]
        if unscaled:
            # Most of these crash or fall silent when opened.
            raise EffectLoadError(
                f"the LV2 plugin {plugin.uri} counts {', '.join(unscaled)} in parts of the sample "
                "rate, which the plugin host does not work out; leave it out"
            )
        self._ids = port_ids(ports)
        self._ports = dict(zip(self._ids, ports, strict=True))
        self._spec = replace(lv2_spec(plugin), channels=len(self._layout.main))
        self._tempo = USUAL
        self._tempo_ids = [
            id for id, port in self._ports.items() if port.designation == _TEMPO_DESIGNATION
        ]
        self._graphs: dict[int, Graph] = {}
        self._host_index: dict[str, int] = {}
        self._fixed: dict[int, float] = {}
        self._continues: dict[tuple[int, bytes], bool] = {}
        self._learn(self._graph(RATE))
        self._settled = Settled(self._spec, len(self._layout.main))

    @property
    def spec(self) -> EffectSpec:
        """Identity and knobs."""
        return self._spec

    @property
    def follows_tempo(self) -> bool:
        """Whether it asks its host for the tempo."""
        return self._plugin.follows_transport or bool(self._tempo_ids)

    def set_tempo(self, bpm: float) -> None:
        """Set the tempo of everything rendered from now on.

        Parameters
        ----------
        bpm : float
            In beats a minute.
        """
        self._tempo = bpm
        self._graphs.clear()
        self._continues.clear()
        self._settled = Settled(self._spec, len(self._layout.main))

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
        """Start a block-wise render; see `ContinuedStream`.

        Plugins that follow the position in the song, and sound different in turns for it, go
        through `PrerollStream`.

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
        from dialin.effects.continued import ContinuedStream, continues

        vector = self._spec.check(settings)
        values = self._values(vector, sample_rate)
        follows = self._plugin.follows_transport

        def whole(audio: Audio) -> Audio:
            return self._render(audio, sample_rate, vector)

        def make() -> Graph:
            return self._new_graph(sample_rate)

        if follows:
            key = (sample_rate, vector.tobytes())
            if key not in self._continues:
                self._continues[key] = continues(whole, make, self._layout, values)
            if not self._continues[key]:
                return self._settled.preroll(self._render, sample_rate, channels, vector, tail=tail)
        continued = ContinuedStream(
            whole,
            make,
            self._layout,
            values,
            channels,
            round(tail * sample_rate),
            exact=not follows,
        )
        return LeadStream(continued, channels, self._settled.lead(self._render, sample_rate))

    def state(self, settings: ArrayLike) -> bytes | None:
        """LV2 presets are made of named values; there is no opaque state to keep.

        Parameters
        ----------
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.

        Returns
        -------
        bytes or None
        """
        return None

    def positions(self, settings: ArrayLike) -> list[float]:
        """See `dialin.effects.effect.Plugin`: linear over the port's range.

        Parameters
        ----------
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.

        Returns
        -------
        list of float
            0 to 1 for each knob, as other hosts store it.
        """
        result = []
        for id, native in self._spec.native(settings).items():
            low, high = port_range(self._ports[id])
            result.append(min(1.0, max(0.0, (native - low) / (high - low))))
        return result

    def close(self) -> None:
        """Let go of the plugin."""
        self._graphs.clear()

    def _render(self, audio: Audio, sample_rate: int, vector: Settings) -> Audio:
        from dialin.effects.dawdreamer_host import spread

        values = self._values(vector, sample_rate)
        graph = self._graph(sample_rate)
        try:
            return spread(audio, self._layout, lambda fed: graph.render(fed, values))
        except RenderError as error:
            raise RenderError(f"{self._spec.uri}: {error}") from error

    def _graph(self, sample_rate: int) -> Graph:
        if sample_rate not in self._graphs:
            self._graphs[sample_rate] = self._new_graph(sample_rate)
        return self._graphs[sample_rate]

    def _new_graph(self, sample_rate: int) -> Graph:
        from dialin.effects.dawdreamer_host import Graph

        uri = self._plugin.uri
        try:
            return Graph(
                lambda engine: engine.make_plugin_processor("effect", uri),
                sample_rate,
                self._layout.inputs,
                self._tempo,
            )
        except RuntimeError as error:
            reason = " ".join(str(error).split()).removeprefix(
                "PluginProcessor::loadPlugin error: "
            )
            hint = "its file may be broken or miss a library it needs (try: lv2info, ldd)"
            if "missing features" in reason:
                hint = "the plugin host does not offer that, so leave it out"
            raise EffectLoadError(
                f"the LV2 plugin {uri} is installed but does not open ({reason}); {hint}"
            ) from error

    def _learn(self, graph: Graph) -> None:
        """Find out what the host calls the ports, and how many inputs it feeds."""
        from dialin.effects.dawdreamer_host import indices_by_name

        inputs = int(graph.processor.get_num_input_channels())
        if max(self._layout.main) < inputs < self._layout.inputs:
            # Some side chains are a bus of their own, which the host leaves unconnected.
            self._layout = replace(self._layout, inputs=inputs)
            self._graphs.clear()
        described = graph.processor.get_parameters_description()
        indices = indices_by_name(
            [d["name"] for d in described], [p.name for p in self._ports.values()]
        )
        self._host_index = {
            id: described[index]["index"]
            for id, index in zip(self._ids, indices, strict=True)
            if index is not None
        }
        # What has no knob of ours (bypass, what the host adds) stays where the host starts it.
        taken = set(self._host_index.values())
        self._fixed = {
            d["index"]: graph.processor.get_parameter(d["index"])
            for d in described
            if d["index"] not in taken
        }

    def _values(self, vector: Settings, sample_rate: int) -> dict[int, float]:
        """Host values (the host maps its 0 to 1 linearly to the port's range) by host index."""
        values = dict(self._fixed)
        pairs = zip(self._spec.parameters, vector, strict=True)
        knobs = {p.id: p.at_rate(p.to_native(v), sample_rate) for p, v in pairs}
        knobs |= {p.id: p.at_rate(p.default, sample_rate) for p in self._spec.excluded}
        knobs |= dict.fromkeys(self._tempo_ids, self._tempo)
        for id, native in knobs.items():
            port = self._ports[id]
            low, high = port_range(port)
            if "integer" in port.properties:
                native = round(native)
            if id in self._host_index:
                values[self._host_index[id]] = min(1.0, max(0.0, (native - low) / (high - low)))
        return values


def control_symbols(uri: str) -> dict[str, str]:
    """Parameter id -> port symbol of an installed plugin.

    Parameters
    ----------
    uri : str
        Of the plugin, without ``lv2:``.

    Returns
    -------
    dict of str to str

    Raises
    ------
    EffectNotFoundError
        If no plugin of that URI is installed.
    """
    ports = _controls(describe_lv2(uri))
    return {id: port.symbol for id, port in zip(port_ids(ports), ports, strict=True)}


def _controls(plugin: Lv2Plugin) -> list[Lv2Port]:
    return [
        port
        for port in plugin.ports
        if port.kind == "control"
        and port.is_input
        and port.designation not in _EXCLUDED_DESIGNATIONS
    ]


def _is_side_chain(port: Lv2Port) -> bool:
    return "isSideChain" in port.properties or bool(
        _SIDE_CHAIN.search(port.name) or _SIDE_CHAIN.search(port.symbol)
    )


def port_ids(ports: list[Lv2Port]) -> list[str]:
    """Ids of ports: their symbols (unique by the standard), made safe.

    Parameters
    ----------
    ports : list of Lv2Port
        Control inputs, in order.

    Returns
    -------
    list of str
        One for each, all different.
    """
    raw = [re.sub(r"[^A-Za-z0-9]+", "_", p.symbol).strip("_").lower() or "p" for p in ports]
    count: Counter[str] = Counter()
    result = []
    for id in raw:
        count[id] += 1
        result.append(id if count[id] == 1 else f"{id}_{count[id]}")
    return result


def port_range(port: Lv2Port) -> tuple[float, float]:
    """Native range of a control port; 0 to 1 where it declares none.

    Parameters
    ----------
    port : Lv2Port
        A control input.

    Returns
    -------
    (float, float)
        Lowest and highest value; the first is always below the second.
    """
    low = 0.0 if port.minimum is None else port.minimum
    high = 1.0 if port.maximum is None else port.maximum
    return (low, high) if high > low else (low, low + 1.0)


def lv2_spec(plugin: Lv2Plugin) -> EffectSpec:
    """Spec of an LV2 plugin from what it says of itself.

    Logarithmic ports get a log curve; integer, enumerated and toggled ones are stepped; gain is
    capped at `MAX_GAIN_DB`. Ports a person would not turn to shape the sound (bypass, meters,
    triggers, what is not meant for the GUI) are excluded. So are ports whose range is given in
    parts of the sample rate; a plugin that has one does not open.

    Parameters
    ----------
    plugin : Lv2Plugin
        From lilv.

    Returns
    -------
    EffectSpec
    """
    ports = _controls(plugin)
    names = Counter(p.name for p in ports)
    settable, excluded = [], []
    # Other hosts count all control inputs.
    numbers = {
        port.index: number
        for number, port in enumerate(p for p in plugin.ports if p.kind == "control" and p.is_input)
    }
    for port, id in zip(ports, port_ids(ports), strict=True):
        alone = names[port.name] == 1
        label = port.name if alone else f"{port.name} ({port.symbol})"
        parameter = replace(
            _parameter(port, id, label),
            index=numbers[port.index],
            title="" if alone else port.name,
        )
        low, high = port_range(port)
        degenerate = (
            port.maximum is not None and port.minimum is not None and port.maximum <= port.minimum
        )
        out = (
            degenerate
            or port.designation == _TEMPO_DESIGNATION
            or port.properties & _EXCLUDED_PROPERTIES
            or "sampleRate" in port.properties
            or _EXCLUDED_NAME.search(port.name)
            or not low < high
        )
        if out:
            excluded.append(parameter.with_status("excluded"))
        else:
            settable.append(parameter)
    return EffectSpec(
        uri=f"lv2:{plugin.uri}",
        name=plugin.name,
        format="lv2",
        parameters=tuple(settable),
        excluded=tuple(excluded),
        version=plugin.version,
        vendor=plugin.author,
        category=plugin.category,
        file=plugin.bundle,
        file_hash=_file_hash(plugin.library),
    )


def _parameter(port: Lv2Port, id: str, name: str) -> Parameter:
    low, high = port_range(port)
    default = low if port.default is None else min(high, max(low, port.default))
    unit = _unit(port, high)
    if "toggled" in port.properties:
        default = high if default > (low + high) / 2 else low
        return Parameter(id, name, unit, low, high, default, "toggle")
    points = [(value, label) for value, label in port.scale_points if low <= value <= high]
    distinct = {value: label for value, label in points}
    if "enumeration" in port.properties and len(distinct) >= 2:
        values = tuple(sorted(distinct))
        nearest = min(values, key=lambda v: abs(v - default))
        return Parameter(
            id, name, unit, min(values), max(values), nearest, "stepped",
            values=values, labels=tuple(distinct[v] for v in values),
        )  # fmt: skip
    if "integer" in port.properties and float(low).is_integer() and high - low <= 128:
        steps = int(high - low) + 1
        if steps == 2:
            return Parameter(id, name, unit, low, high, round(default), "toggle")
        return Parameter(
            id, name, unit, low, low + steps - 1, round(default), "stepped", steps=steps
        )
    if unit == "dB" and low < MAX_GAIN_DB < high:
        high = MAX_GAIN_DB
    log = "logarithmic" in port.properties
    floor = high * _LOG_FLOOR
    if _is_gain_factor(port, unit) and low < _MAX_GAIN < high:
        high, log, floor = _MAX_GAIN, True, _LOWEST_GAIN
    if log and low == 0 and default > floor:
        low = floor
    log = low > 0 and (log or (unit == "Hz" and high / low >= 50))
    return Parameter(id, name, unit, low, high, min(high, default), "log" if log else "linear")


def _is_gain_factor(port: Lv2Port, unit: str) -> bool:
    if port.unit == "G":
        return True
    named = bool(_GAIN_NAME.search(port.name))
    return named and (unit == "x" or (unit == "" and (port.minimum or 0.0) > 0))


def _unit(port: Lv2Port, high: float) -> str:
    """Unit of a port; many plugins say it in the name only, ``Delay time (s)``."""
    if port.unit:
        return _UNITS.get(port.unit, port.unit)
    if port.properties & {"toggled", "enumeration", "integer"}:
        return ""
    named = _NAMED_UNIT.search(port.name.strip())
    if named:
        return _NAMED[named[1].lower()]
    return "Hz" if high >= 1000 and _FREQUENCY.search(port.name) else ""


@functools.lru_cache(maxsize=256)
def _file_hash(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""
