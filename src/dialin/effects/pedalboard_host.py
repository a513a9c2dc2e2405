"""VST3 plugins and Audio Units, run by Pedalboard.

Purity: before each render the plugin is made anew with the settings' state (Pedalboard does so
for plugins it believes to keep sounding after a reset; here it is told that every plugin is one,
since it finds out by listening to random noise, and guesses differently from run to run). What
the host holds of a plugin's parameters dangles after that, so they are fetched for each render.

Blocks are `BLOCK` samples everywhere, because that is part of some plugins' sound.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from pedalboard import _pedalboard
from pedalboard_native import ExternalPluginReloadType

from dialin.audio import Audio
from dialin.effects.effect import BLOCK, Stream
from dialin.effects.floating_point import kept_floating_point
from dialin.effects.host_path import host_path
from dialin.effects.settle import LeadStream, Settled
from dialin.effects.spec import EffectSpec, Settings
from dialin.effects.vst3_facts import vst3_category
from dialin.effects.vst3_files import find_vst3, hash_file, split_vst3, vst3_binary
from dialin.effects.vst3_parameters import (
    Travel,
    identifiers,
    is_excluded,
    read_parameter,
)
from dialin.errors import EffectLoadError, EffectNotFoundError, RenderError

LONGEST_LATENCY = 60.0
"""Seconds of silence after which a plugin that still gives no sample is given up."""


def open_vst3(name: str) -> HostedEffect:
    """Open a VST3 by its path or bare name; ``path#plugin`` picks one of several in a file.

    Parameters
    ----------
    name : str
        What follows ``vst3:``.

    Returns
    -------
    HostedEffect

    Raises
    ------
    EffectNotFoundError, EffectLoadError
    """
    path, inner = split_vst3(name)
    bundle = find_vst3(path)
    binary = vst3_binary(bundle)
    uri = f"vst3:{bundle}" + (f"#{inner}" if inner else "")
    return HostedEffect(uri, "vst3", str(bundle), hash_file(binary), inner)


def open_au(name: str) -> HostedEffect:
    """Open an Audio Unit by the path of its component or its name (macOS only).

    Parameters
    ----------
    name : str
        What follows ``au:``.

    Returns
    -------
    HostedEffect

    Raises
    ------
    EffectNotFoundError, EffectLoadError
    """
    if sys.platform != "darwin":
        raise EffectLoadError(
            f"au:{name} is an Audio Unit, which only macOS can run; "
            "use the plugin's VST3 or LV2 version on this machine"
        )
    path = Path(name).expanduser()
    if not path.exists():
        folders = [
            Path.home() / "Library/Audio/Plug-Ins/Components",
            Path("/Library/Audio/Plug-Ins/Components"),
        ]
        stem = name.removesuffix(".component")
        bundles = [f / f"{stem}.component" for f in folders if (f / f"{stem}.component").exists()]
        if not bundles:
            raise EffectNotFoundError(
                f"no Audio Unit named {name!r} is installed; looked in "
                f"{', '.join(map(str, folders))} (see: dialin effects list)"
            )
        path = bundles[0]
    binaries = sorted((path / "Contents/MacOS").glob("*"))
    build = hash_file(binaries[0]) if binaries else ""
    return HostedEffect(f"au:{path}", "au", str(path), build, "")


class HostedEffect:
    """A VST3 or AU effect.

    Parameters
    ----------
    uri, format : str
    file : str
        What the host loads.
    file_hash : str
    inner : str
        Which plugin of a file that holds several; empty for the only one.
    """

    def __init__(self, uri: str, format: str, file: str, file_hash: str, inner: str) -> None:
        self._file = file
        self._inner = inner
        self._plugin = self._load()
        self._channels = self._find_channels()
        self._read_spec(uri, format, file_hash)
        self._settled = Settled(self._spec, self._channels)

    @property
    def spec(self) -> EffectSpec:
        """Identity and knobs."""
        return self._spec

    @property
    def channels(self) -> int:
        """Channels the plugin itself takes."""
        return self._channels

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

    def _render(self, audio: Audio, sample_rate: int, vector: Settings) -> Audio:
        result = np.empty_like(audio)
        for first in range(0, audio.shape[0], self._channels):
            group = audio[first : first + self._channels]
            run = PluginRun(self, self._plugin, vector, sample_rate)
            wet = np.concatenate([run.feed(self.fill(group)), run.finish()], axis=1)
            result[first : first + self._channels] = wet[: group.shape[0]]
        return result

    def stream(
        self, sample_rate: int, channels: int, settings: ArrayLike, *, tail: float = 0.0
    ) -> Stream:
        """Start a block-wise render in instances of its own; see `Effect.stream`.

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
        vector = self._spec.check(settings)
        runs = [
            PluginRun(self, self._load(), vector, sample_rate)
            for _ in range(0, channels, self._channels)
        ]
        stream = HostedStream(self, runs, channels, round(tail * sample_rate))
        return LeadStream(stream, channels, self._settled.lead(self._render, sample_rate))

    def state(self, settings: ArrayLike) -> bytes | None:
        """Contents of a ``.vstpreset`` at these settings; None for an Audio Unit.

        Parameters
        ----------
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.

        Returns
        -------
        bytes or None
        """
        if self._spec.format != "vst3":
            return None
        vector = self._spec.check(settings)
        PluginRun(self, self._plugin, vector, 44_100)
        return bytes(self._plugin.preset_data)

    def process_preset(self, audio: Audio, sample_rate: int, file: Path) -> Audio | None:
        """Render as another host would that loads a ``.vstpreset``; None if there is no knob.

        The file is read by the host library's own reader of such files.

        Parameters
        ----------
        audio : ndarray, float32, shape (channels, samples)
            Full scale is 1.
        sample_rate : int
            In hertz.
        file : Path
            A ``.vstpreset`` of this plugin.

        Returns
        -------
        ndarray, float32, shape (channels, samples) or None

        Raises
        ------
        RenderError
            If the plugin does not take the file.
        """
        if not self._plugin._parameters:
            return None

        class FromFile(HostedEffect):
            def apply(self, plugin: Any, vector: ArrayLike, sample_rate: int) -> None:
                try:
                    plugin.load_preset(str(file))
                except (RuntimeError, ValueError, OSError) as error:
                    raise RenderError(
                        f"{self.spec.name} does not take {str(file)!r}: "
                        f"{' '.join(str(error).split())}"
                    ) from error

        other = FromFile(
            self._spec.uri, self._spec.format, self._file, self._spec.file_hash, self._inner
        )
        self._settled.lead(self._render, sample_rate)
        other._settled.blocks = self._settled.blocks
        return other.process(audio, sample_rate, other.spec.default)

    def positions(self, settings: ArrayLike) -> list[float]:
        """See `dialin.effects.effect.Plugin`.

        Parameters
        ----------
        settings : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.

        Returns
        -------
        list of float
            0 to 1 for each knob, as the plugin has it.
        """
        native = self._spec.native(settings).values()
        return [
            travel.to_position(value)
            for (_, travel), value in zip(self._knobs, native, strict=True)
        ]

    def close(self) -> None:
        """Let go of the plugin."""
        self._plugin = None

    def apply(self, plugin: Any, vector: ArrayLike, sample_rate: int) -> None:
        """Put a plugin, of this effect, at these settings; see also `Parameter.at_rate`.

        Parameters
        ----------
        plugin : object
            An instance, as Pedalboard opens it.
        vector : array_like, shape (knobs,)
            Positions of the knobs, 0 to 1.
        sample_rate : int
            In hertz.
        """
        knobs = plugin._parameters
        for (index, travel), parameter, value in zip(
            self._knobs, self._spec.parameters, np.asarray(vector), strict=True
        ):
            native = parameter.at_rate(parameter.to_native(float(value)), sample_rate)
            knobs[index].raw_value = travel.to_position(native)

    def groups(self, channels: int) -> list[slice]:
        """Which channels go through the plugin together.

        Parameters
        ----------
        channels : int
            Number of channels.

        Returns
        -------
        list of slice
            Slices of channels, in order.
        """
        return [
            slice(c, min(c + self._channels, channels)) for c in range(0, channels, self._channels)
        ]

    def fill(self, group: Audio) -> Audio:
        """Repeat the last channel until the plugin has as many as it takes.

        Parameters
        ----------
        group : ndarray, float32, shape (channels, samples)
            No more channels than the plugin takes.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
            Of as many channels as the plugin takes.
        """
        missing = self._channels - group.shape[0]
        if missing:
            group = np.concatenate([group, np.repeat(group[-1:], missing, axis=0)])
        return group

    def _load(self) -> Any:
        # Pedalboard asks for the text of each parameter at 1001 positions when it loads a plugin;
        # where a knob reloads an impulse response that never ends. Nothing here needs those texts.
        _pedalboard.AudioProcessorParameter.__init__.__defaults__ = (2,)
        try:
            with kept_floating_point():
                plugin: Any = _pedalboard.load_plugin(
                    host_path(Path(self._file)), plugin_name=self._inner or None
                )
        except (ImportError, ValueError, RuntimeError, NotImplementedError) as error:
            reason = " ".join(str(error).split())
            raise EffectLoadError(
                f"{self._file!r} cannot be opened by the plugin host: {reason}"
            ) from error
        if not plugin.is_effect:
            raise EffectLoadError(
                f"{self._file!r} ({plugin.name}) is an instrument; dialin needs an effect, "
                "something that takes audio in"
            )
        plugin._reload_type = ExternalPluginReloadType.PersistsAudioOnReset
        return plugin

    def _find_channels(self) -> int:
        reason = ""
        for channels in (2, 1, 4, 6, 8):
            silence = np.zeros((channels, BLOCK), dtype=np.float32)
            try:
                self._plugin.process(silence, 44_100, buffer_size=BLOCK, reset=False)
            except ValueError as error:
                reason = reason or " ".join(str(error).split())
            else:
                return channels
        raise EffectLoadError(
            f"{self._file!r} takes neither mono nor stereo ({reason}); "
            "dialin runs effects with as many outputs as inputs"
        )

    def _read_spec(self, uri: str, format: str, file_hash: str) -> None:
        plugin = self._plugin
        plugin.reset()
        knobs = list(plugin._parameters)
        kept, excluded = [], []
        self._knobs: list[tuple[int, Travel]] = []
        named = identifiers([knob.name for knob in knobs])
        for index, (knob, (id, name)) in enumerate(zip(knobs, named, strict=True)):
            # The value it wakes up with: some plugins announce another default than they use.
            parameter, travel = read_parameter(
                id,
                name,
                knob.label,
                knob.num_steps,
                knob.raw_value,
                knob.get_text_for_raw_value,
            )
            parameter = replace(
                parameter, index=index, title=knob.name if knob.name != name else ""
            )
            if is_excluded(knob.name, knob.is_automatable):
                excluded.append(parameter.with_status("excluded"))
            else:
                kept.append(parameter)
                self._knobs.append((index, travel))
        self._spec = EffectSpec(
            uri=uri,
            name=plugin.name,
            format=format,
            parameters=tuple(kept),
            excluded=tuple(excluded),
            version=str(plugin.version or ""),
            vendor=str(plugin.manufacturer_name or ""),
            category=vst3_category(str(plugin.category or "").split("|")),
            file=self._file,
            file_hash=file_hash,
            channels=self._channels,
        )


class PluginRun:
    """One pass of audio through a plugin made anew, its latency taken off.

    The input is cut at multiples of `BLOCK` however it arrives, so the same audio always gives
    the same samples.

    Parameters
    ----------
    effect : HostedEffect
        Whose plugin it is.
    plugin : object
        An instance, as Pedalboard opens it.
    vector : array_like, shape (knobs,)
        Positions of the knobs, 0 to 1.
    sample_rate : int
        In hertz.
    """

    def __init__(
        self, effect: HostedEffect, plugin: Any, vector: ArrayLike, sample_rate: int
    ) -> None:
        self._effect = effect
        self._plugin = plugin
        self._rate = sample_rate
        self._empty = np.zeros((effect.channels, 0), dtype=np.float32)
        # Settings reach the processor's half of a plugin with the next block, and only what it
        # knows is in the state that the new instance starts from: so a block of silence first.
        effect.apply(plugin, vector, sample_rate)
        self._call(np.zeros((effect.channels, BLOCK), dtype=np.float32))
        plugin.reset()
        self._rest: Audio = self._empty
        self._fed = 0
        self._given = 0

    def feed(self, audio: Audio) -> Audio:
        """Feed some; returns what is ready.

        Parameters
        ----------
        audio : ndarray, float32, shape (channels, samples)
            Of as many channels as the plugin takes, and any number of samples.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
            Whole blocks, fewer samples than were fed while latency is taken off.
        """
        self._fed += audio.shape[1]
        if self._rest.shape[1]:
            audio = np.concatenate([self._rest, audio], axis=1)
        whole = audio.shape[1] // BLOCK * BLOCK
        self._rest = audio[:, whole:].copy()
        return self._run(audio[:, :whole]) if whole else self._empty

    def finish(self) -> Audio:
        """Return the rest: as many samples as were fed."""
        pieces = [self._empty]
        missing = self._fed - self._given
        flushed = 0
        while missing > 0:
            # A whole block even at the end: one longer than any before would start it afresh.
            block = np.zeros((self._effect.channels, BLOCK), dtype=np.float32)
            block[:, : self._rest.shape[1]] = self._rest
            self._rest = self._empty
            pieces.append(self._run(block)[:, :missing])
            missing -= pieces[-1].shape[1]
            flushed += BLOCK
            if flushed > LONGEST_LATENCY * self._rate:
                raise RenderError(
                    f"{self._effect.spec.name} holds back more than {LONGEST_LATENCY:g} s of "
                    "sound; its latency cannot be taken off"
                )
        return np.concatenate(pieces, axis=1)

    def _run(self, audio: Audio) -> Audio:
        wet = self._call(audio)
        self._given += wet.shape[1]
        return wet

    def _call(self, audio: Audio) -> Audio:
        try:
            wet: Audio = self._plugin.process(audio, self._rate, buffer_size=BLOCK, reset=False)
        except (RuntimeError, ValueError) as error:
            raise RenderError(
                f"{self._effect.spec.name} could not render at {self._rate} Hz: "
                f"{' '.join(str(error).split())}"
            ) from error
        return wet


class HostedStream:
    """A VST3 or AU effect over a long recording.

    Parameters
    ----------
    effect : HostedEffect
        Whose plugins they are.
    runs : list of PluginRun
        One for each group of channels.
    channels : int
        Number of channels.
    tail : int
        Samples of silence after the input that are rendered too.
    """

    exact = True

    def __init__(
        self, effect: HostedEffect, runs: list[PluginRun], channels: int, tail: int
    ) -> None:
        self._effect = effect
        self._runs = runs
        self._groups = effect.groups(channels)
        self._channels = channels
        self._tail = tail

    def process(self, block: Audio) -> Audio:
        """Feed a block; returns what is ready.

        Parameters
        ----------
        block : ndarray, float32, shape (channels, samples)
            The next samples, of any number.

        Returns
        -------
        ndarray, float32, shape (channels, samples)
        """
        pieces = []
        for run, group in zip(self._runs, self._groups, strict=True):
            dry = block[group]
            pieces.append(run.feed(self._effect.fill(dry))[: dry.shape[0]])
        return np.concatenate(pieces, axis=0)

    def finish(self) -> Audio:
        """Return the rest and the tail, and let go of the plugins."""
        pieces = [self.process(np.zeros((self._channels, self._tail), dtype=np.float32))]
        rest = [
            run.finish()[: group.stop - group.start]
            for run, group in zip(self._runs, self._groups, strict=True)
        ]
        pieces.append(np.concatenate(rest, axis=0))
        self._runs = []
        return np.concatenate(pieces, axis=1)
