"""What LV2 plugins say of themselves, read through lilv without running any of their code.

DawDreamer's binary exports lilv's C interface, so no system package is needed; where a build does
not, the system's ``liblilv-0`` is used. A plugin's description is read in full when it is asked
for; names and makers, which a list needs of all of them (1.4 s for 465 plugins), are kept in the
user's cache until a bundle changes.

Source: the LV2 specification (lv2plug.in/ns/lv2core, ext/port-props, extensions/units) and lilv's
C interface.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import sys
from collections.abc import Iterator
from ctypes import byref, c_bool, c_char_p, c_float, c_uint32, c_void_p
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from dialin.effects.cache import read_cache, write_cache
from dialin.errors import EffectLoadError

CORE = "http://lv2plug.in/ns/lv2core#"
UNITS = "http://lv2plug.in/ns/extensions/units#"
SUPPORTS = "http://lv2plug.in/ns/ext/atom#supports"
POSITION = "http://lv2plug.in/ns/ext/time#Position"
PRESETS = "http://lv2plug.in/ns/ext/presets#"
PATH_OPTION = "http://drobilla.net/ns/lilv#lv2-path"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"

CATEGORIES = {
    "EQPlugin": "EQ",
    "MIDIPlugin": "MIDI",
    "MultiEQPlugin": "Multiband EQ",
    "ParaEQPlugin": "Parametric EQ",
    "HighpassPlugin": "High-pass filter",
    "LowpassPlugin": "Low-pass filter",
    "BandpassPlugin": "Band-pass filter",
    "AllpassPlugin": "All-pass filter",
    "CombPlugin": "Comb filter",
    "PitchPlugin": "Pitch shifter",
    "ModulatorPlugin": "Modulation",
}
"""Names of those of LV2's classes whose own name alone would read badly."""
_SAYS_LITTLE = ("UtilityPlugin", "SimulatorPlugin")

_POINTER_CALLS = (
    "world_new world_get_all_plugins plugins_begin plugins_next plugins_get plugins_get_by_uri "
    "new_uri new_string plugin_get_uri plugin_get_name "
    "plugin_get_author_name plugin_get_bundle_uri plugin_get_library_uri plugin_get_value "
    "plugin_get_port_by_index port_get_symbol port_get_name port_get_value port_get_scale_points "
    "scale_points_begin scale_points_next scale_points_get scale_point_get_label "
    "scale_point_get_value nodes_begin nodes_next nodes_get nodes_get_first world_get "
    "new_file_uri world_find_nodes"
).split()


@dataclass(frozen=True)
class Lv2Port:
    """One port of a plugin, with the values it declares (native units).

    Attributes
    ----------
    index : int
        From 0, among all ports.
    symbol : str
        Unique in its plugin.
    name : str
        As a person reads it.
    is_input : bool
        Or an output.
    kind : str
        ``audio``, ``control`` or another of LV2's.
    minimum : float, optional
        None where it declares none.
    maximum : float, optional
        None where it declares none.
    default : float, optional
        None where it declares none.
    unit : str
        As dialin writes it; empty for none.
    properties : frozenset of str
        URIs.
    designation : str
        URI of what it is for; empty for none.
    scale_points : tuple of (float, str)
        Values with a name of their own.
    """

    index: int
    symbol: str
    name: str
    is_input: bool
    kind: str
    minimum: float | None = None
    maximum: float | None = None
    default: float | None = None
    unit: str = ""
    properties: frozenset[str] = frozenset()
    designation: str = ""
    scale_points: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Lv2Plugin:
    """Identity and ports of an LV2 plugin.

    `follows_transport` says whether it asks the host for the position in the song, so that its
    sound may depend on it.

    Attributes
    ----------
    uri : str
        Without ``lv2:``.
    name : str
        As a person reads it.
    category : str
        What kind of plugin it says it is.
    author : str
        Empty if it does not say.
    version : str
        Minor and micro version; empty if it does not say.
    bundle : str
        Path of its folder.
    library : str
        Path of its binary.
    ports : tuple of Lv2Port
        In order.
    follows_transport : bool
        See above.
    """

    uri: str
    name: str
    category: str
    author: str
    version: str
    bundle: str
    library: str
    ports: tuple[Lv2Port, ...] = ()
    follows_transport: bool = False


def search_path() -> list[Path]:
    """Folders in which the host looks for LV2 bundles; it pays no heed to ``LV2_PATH``.

    Empty where the host asks the system (macOS, Windows).
    """
    if not sys.platform.startswith("linux"):
        return []
    wide = [p for p in (Path("/usr/lib64/lv2"), Path("/usr/local/lib64/lv2")) if p.is_dir()]
    return [Path.home() / ".lv2", *(wide or [Path("/usr/lib/lv2"), Path("/usr/local/lib/lv2")])]


@functools.cache
def _library() -> Any:
    candidates: list[str] = []
    module = importlib.util.find_spec("dawdreamer")
    if module is not None and module.submodule_search_locations:
        for folder in module.submodule_search_locations:
            candidates += [str(p) for p in Path(folder).glob("*.so")]
            candidates += [str(p) for p in Path(folder).glob("*.dylib")]
    candidates += ["liblilv-0.so.0", "liblilv-0.dylib"]
    for candidate in candidates:
        try:
            library = ctypes.CDLL(candidate)
            library.lilv_world_new  # noqa: B018 - raises if the symbol is missing
        except (OSError, AttributeError):
            continue
        for name in _POINTER_CALLS:
            getattr(library, f"lilv_{name}").restype = c_void_p
        library.lilv_plugin_get_num_ports.restype = c_uint32
        for name in ("node_as_string", "node_as_uri"):
            getattr(library, f"lilv_{name}").restype = c_char_p
        library.lilv_node_as_float.restype = c_float
        for name in (
            "port_is_a",
            "port_has_property",
            "nodes_is_end",
            "plugins_is_end",
            "node_is_uri",
            "node_is_blank",
        ):
            getattr(library, f"lilv_{name}").restype = c_bool
        return library
    raise EffectLoadError(
        "LV2 plugins cannot be read: neither DawDreamer's library nor liblilv-0 offers lilv; "
        "install dawdreamer, or liblilv-0-0 with apt"
    )


class Lilv:
    """A lilv world with all installed plugins' manifests loaded."""

    def __init__(self) -> None:
        self._c = _library()
        self._world = c_void_p(self._c.lilv_world_new())
        if folders := search_path():
            text = os.fsencode(os.pathsep.join(map(str, folders)))
            path = c_void_p(self._c.lilv_new_string(self._world, text))
            self._c.lilv_world_set_option(self._world, PATH_OPTION.encode(), path)
        self._c.lilv_world_load_all(self._world)
        self._plugins = c_void_p(self._c.lilv_world_get_all_plugins(self._world))
        self._nodes: dict[str, c_void_p] = {}

    def uris(self) -> list[str]:
        """URIs of all installed plugins, sorted."""
        return sorted(self._text(self._c.lilv_plugin_get_uri(p)) for p in self._each_plugin())

    def summaries(self) -> list[Lv2Plugin]:
        """Identity of all installed plugins, without their ports, sorted by URI."""
        known = read_cache(_CACHE)
        cached: dict[str, Any] = {}
        result = []
        for plugin in self._each_plugin():
            uri = self._text(self._c.lilv_plugin_get_uri(plugin))
            bundle = self._path(self._c.lilv_plugin_get_bundle_uri(plugin))
            stamp = _stamp(bundle)
            try:
                entry = known[uri]
                identity = Lv2Plugin(**entry["identity"]) if entry["stamp"] == stamp else None
            except (KeyError, TypeError):
                identity = None
            identity = identity or self._identity(plugin)
            cached[uri] = {
                "stamp": stamp,
                "identity": {k: getattr(identity, k) for k in _IDENTITY},
            }
            result.append(identity)
        if cached != known:
            write_cache(_CACHE, cached)
        return sorted(result, key=lambda p: p.uri)

    def plugin(self, uri: str) -> Lv2Plugin | None:
        """Everything a plugin says of itself, or None if it is not installed.

        Parameters
        ----------
        uri : str
            Of the plugin, without ``lv2:``.

        Returns
        -------
        Lv2Plugin or None
        """
        pointer = self._c.lilv_plugins_get_by_uri(self._plugins, self._node(uri))
        if not pointer:
            return None
        plugin = c_void_p(pointer)
        identity = self._identity(plugin)
        count = self._c.lilv_plugin_get_num_ports(plugin)
        ports = tuple(self._port(plugin, index) for index in range(count))
        follows = any(
            self._text(node) == POSITION
            for index in range(count)
            for node in self._values(plugin, self._port_node(plugin, index), SUPPORTS)
        )
        return replace(identity, ports=ports, follows_transport=follows)

    def preset_values(self, file: Path) -> dict[str, float]:
        """Port values of a preset by port symbol, from the Turtle file in its bundle.

        Parameters
        ----------
        file : Path
            The ``.ttl`` file of the preset.

        Returns
        -------
        dict of str to float
        """
        c = self._c
        bundle = c_void_p(c.lilv_new_file_uri(self._world, None, os.fsencode(f"{file.parent}/")))
        c.lilv_world_load_bundle(self._world, bundle)
        preset = c_void_p(c.lilv_new_file_uri(self._world, None, os.fsencode(file)))
        c.lilv_world_load_resource(self._world, preset)
        nodes = c.lilv_world_find_nodes(self._world, preset, self._node(CORE + "port"), None)
        values: dict[str, float] = {}
        for port in self._all_nodes(nodes):
            symbol, value = (
                c.lilv_world_get(self._world, c_void_p(port), self._node(predicate), None)
                for predicate in (CORE + "symbol", PRESETS + "value")
            )
            if symbol and value:
                values[self._text(symbol)] = float(c.lilv_node_as_float(c_void_p(value)))
        return values

    def _each_plugin(self) -> Iterator[c_void_p]:
        c = self._c
        iterator = c.lilv_plugins_begin(self._plugins)
        while not c.lilv_plugins_is_end(self._plugins, c_void_p(iterator)):
            yield c_void_p(c.lilv_plugins_get(self._plugins, c_void_p(iterator)))
            iterator = c.lilv_plugins_next(self._plugins, c_void_p(iterator))

    def _node(self, uri: str) -> c_void_p:
        if uri not in self._nodes:
            self._nodes[uri] = c_void_p(self._c.lilv_new_uri(self._world, uri.encode()))
        return self._nodes[uri]

    def _text(self, node: int | None) -> str:
        if not node:
            return ""
        text = self._c.lilv_node_as_string(c_void_p(node))
        return text.decode(errors="replace") if text else ""

    def _path(self, node: int | None) -> str:
        return path_of(self._text(node))

    def _first(self, plugin: c_void_p, predicate: str) -> str:
        nodes = self._c.lilv_plugin_get_value(plugin, self._node(predicate))
        return self._text(self._c.lilv_nodes_get_first(c_void_p(nodes))) if nodes else ""

    def _identity(self, plugin: c_void_p) -> Lv2Plugin:
        c = self._c
        minor = self._first(plugin, CORE + "minorVersion")
        micro = self._first(plugin, CORE + "microVersion")
        return Lv2Plugin(
            uri=self._text(c.lilv_plugin_get_uri(plugin)),
            name=self._text(c.lilv_plugin_get_name(plugin)),
            category=self._category(plugin),
            author=self._text(c.lilv_plugin_get_author_name(plugin)),
            version=f"{minor or 0}.{micro or 0}" if minor or micro else "",
            bundle=self._path(c.lilv_plugin_get_bundle_uri(plugin)),
            library=self._path(c.lilv_plugin_get_library_uri(plugin)),
        )

    def _category(self, plugin: c_void_p) -> str:
        """What kind of plugin it says it is.

        Its types are read themselves: lilv knows them as classes only where the LV2
        specification's own bundle is installed too.
        """
        nodes = self._c.lilv_plugin_get_value(plugin, self._node(TYPE))
        types = (self._text(node).partition(CORE) for node in self._all_nodes(nodes))
        kinds = {kind for start, _, kind in types if not start and kind.endswith("Plugin")}
        # lilv tells them in no order; what says more about the sound comes first.
        for kind in sorted(kinds, key=lambda k: (k in _SAYS_LITTLE, k)):
            if kind != "Plugin":
                return CATEGORIES.get(kind, kind.removesuffix("Plugin"))
        return ""

    def _values(self, plugin: c_void_p, port: c_void_p, predicate: str) -> list[int]:
        c = self._c
        return self._all_nodes(c.lilv_port_get_value(plugin, port, self._node(predicate)))

    def _all_nodes(self, nodes: int | None) -> list[int]:
        c = self._c
        if not nodes:
            return []
        result, iterator = [], c.lilv_nodes_begin(c_void_p(nodes))
        while not c.lilv_nodes_is_end(c_void_p(nodes), c_void_p(iterator)):
            result.append(c.lilv_nodes_get(c_void_p(nodes), c_void_p(iterator)))
            iterator = c.lilv_nodes_next(c_void_p(nodes), c_void_p(iterator))
        return result

    def _port_node(self, plugin: c_void_p, index: int) -> c_void_p:
        return c_void_p(self._c.lilv_plugin_get_port_by_index(plugin, c_uint32(index)))

    def _port(self, plugin: c_void_p, index: int) -> Lv2Port:
        c = self._c
        port = self._port_node(plugin, index)

        def is_a(kind: str) -> bool:
            return bool(c.lilv_port_is_a(plugin, port, self._node(CORE + kind)))

        kind = next((k for k in ("Audio", "Control", "CV") if is_a(f"{k}Port")), "other").lower()
        common: dict[str, Any] = {
            "index": index,
            "symbol": self._text(c.lilv_port_get_symbol(plugin, port)),
            "name": self._text(c.lilv_port_get_name(plugin, port)),
            "is_input": is_a("InputPort"),
            "kind": kind,
            "properties": frozenset(
                self._text(node).rsplit("#", 1)[-1]
                for node in self._values(plugin, port, CORE + "portProperty")
            ),
            "designation": next(
                (
                    self._text(n).rsplit("#", 1)[-1]
                    for n in self._values(plugin, port, CORE + "designation")
                ),
                "",
            ),
        }
        if kind != "control":
            return Lv2Port(**common)
        default, minimum, maximum = c_void_p(), c_void_p(), c_void_p()
        c.lilv_port_get_range(plugin, port, byref(default), byref(minimum), byref(maximum))
        return Lv2Port(
            **common,
            default=self._number(default),
            minimum=self._number(minimum),
            maximum=self._number(maximum),
            unit=self._unit(plugin, port),
            scale_points=self._scale_points(plugin, port),
        )

    def _number(self, node: c_void_p) -> float | None:
        if not node.value:
            return None
        value = float(self._c.lilv_node_as_float(node))
        return value if value == value else None

    def _unit(self, plugin: c_void_p, port: c_void_p) -> str:
        for node in self._values(plugin, port, UNITS + "unit"):
            text = self._text(node)
            if text.startswith(UNITS):
                return text[len(UNITS) :]
            symbol = self._c.lilv_world_get(
                self._world, c_void_p(node), self._node(UNITS + "symbol"), None
            )
            if symbol:
                return self._text(symbol)
        return ""

    def _scale_points(self, plugin: c_void_p, port: c_void_p) -> tuple[tuple[float, str], ...]:
        c = self._c
        points = c.lilv_port_get_scale_points(plugin, port)
        if not points:
            return ()
        result, iterator = [], c.lilv_scale_points_begin(c_void_p(points))
        while not c.lilv_nodes_is_end(c_void_p(points), c_void_p(iterator)):
            point = c_void_p(c.lilv_scale_points_get(c_void_p(points), c_void_p(iterator)))
            value = c.lilv_node_as_float(c_void_p(c.lilv_scale_point_get_value(point)))
            label = self._text(c.lilv_scale_point_get_label(point))
            result.append((float(value), label))
            iterator = c.lilv_scale_points_next(c_void_p(points), c_void_p(iterator))
        return tuple(sorted(result))


def path_of(uri: str) -> str:
    """Path of a ``file:`` URI, whatever bytes its name is made of; other text as it is.

    >>> path_of("file:///x/My%20%23%25%3F%C3%A9.lv2/")
    '/x/My #%?é.lv2'

    Parameters
    ----------
    uri : str
        Of a file, or any text.

    Returns
    -------
    str
    """
    if not uri.startswith("file:"):
        return uri
    rest = uri.removeprefix("file:")
    if rest.startswith("//"):
        # After two slashes comes the host, which is this one, and then the path.
        rest = rest[rest.find("/", 2) :]
    return os.fsdecode(unquote_to_bytes(rest.encode("utf-8", "surrogateescape"))).rstrip("/")


@functools.cache
def installed() -> Lilv:
    """The installed LV2 plugins, read once a process."""
    return Lilv()


_CACHE = "lv2.json"
_IDENTITY = ("uri", "name", "category", "author", "version", "bundle", "library")


def _stamp(bundle: str) -> str:
    """Changes whenever a bundle's description does: the times of its folder and Turtle files."""
    folder = Path(bundle)
    try:
        times = [p.stat().st_mtime_ns for p in (folder, *sorted(folder.glob("*.ttl")))]
    except OSError:
        return ""
    # The first number is the version of what is kept.
    return f"2:{len(times)}:{max(times)}:{sum(times)}"
