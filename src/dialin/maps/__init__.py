"""Maps: the knobs of an effect as a plane that a person can walk through and hear."""

from dialin.maps.fit import MapOptions, fit_map
from dialin.maps.landmark import LandmarkMap, map_around
from dialin.maps.map import EffectMap, load_map
from dialin.maps.measure import MapFigures, measure_map

__all__ = [
    "EffectMap",
    "LandmarkMap",
    "MapFigures",
    "MapOptions",
    "fit_map",
    "load_map",
    "map_around",
    "measure_map",
]
