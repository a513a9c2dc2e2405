"""Drawing settings."""

from __future__ import annotations

import numpy as np

from dialin.data.recipe import Prior, SettingsOptions
from dialin.effects.spec import EffectSpec, Settings
from dialin.errors import ParameterError

OCTAVES_FROM = 0.01


def check_priors(spec: EffectSpec, options: SettingsOptions) -> None:
    """Raise `ParameterError` where a prior names no knob or leaves [0, 1].

    Parameters
    ----------
    spec : EffectSpec
        Of the recipe's effect.
    options : SettingsOptions
        How settings are drawn.

    Raises
    ------
    ParameterError
        If it does.
    """
    for id, prior in options.priors.items():
        spec.index(id)
        if not 0.0 <= prior.low <= prior.high <= 1.0 or not 0.0 <= prior.value <= 1.0:
            raise ParameterError(
                f"the prior of {id} ({prior.low:g} to {prior.high:g}, value {prior.value:g}) "
                "leaves the range 0 to 1"
            )
        if prior.kind == "beta" and min(prior.a, prior.b) <= 0:
            raise ParameterError(
                f"the prior of {id} has shapes a = {prior.a:g}, b = {prior.b:g}; "
                "use numbers above 0"
            )


def load_presets(paths: tuple[str, ...], spec: EffectSpec) -> list[Settings]:
    """Read settings vectors from preset files; `PresetError` if one belongs to another effect.

    Parameters
    ----------
    paths : tuple of str
        Of preset files.
    spec : EffectSpec
        Of the recipe's effect.

    Returns
    -------
    list of ndarray
        Positions of the knobs, 0 to 1, one vector a file.

    Raises
    ------
    PresetError
        If one cannot be read, or belongs to another effect.
    """
    if not paths:
        return []
    from dialin.effects.chain import chain_uri
    from dialin.errors import PresetError
    from dialin.presets.preset import Preset

    vectors = []
    for path in paths:
        preset = Preset.load(path)
        vector = np.asarray(preset.settings, dtype=np.float64)
        if preset.effect not in (spec.uri, chain_uri([spec.uri])) or vector.shape != (spec.size,):
            raise PresetError(f"{path!r} is a preset of {preset.effect}, not of {spec.uri}")
        vectors.append(vector)
    return vectors


def draw_settings(
    rng: np.random.Generator,
    spec: EffectSpec,
    options: SettingsOptions,
    presets: list[Settings] | None = None,
) -> Settings:
    """Draw one settings vector: stepped knobs snapped, dead ones at their default.

    Excluded parameters are not in the vector, so they are never touched.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance; drawn from in a fixed order.
    spec : EffectSpec
        Of the recipe's effect.
    options : SettingsOptions
        How settings are drawn.
    presets : list of ndarray, optional
        Settings to draw near to, with the probability in `options`.

    Returns
    -------
    ndarray, float64, shape (knobs,)
        Positions of the knobs, 0 to 1.
    """
    if presets and rng.random() < options.preset_probability:
        base = presets[int(rng.integers(len(presets)))]
        return spec.check(base + options.preset_jitter * rng.standard_normal(spec.size))
    plain = Prior(low=options.low, high=options.high)
    values = spec.default
    for index, parameter in enumerate(spec.parameters):
        u = float(rng.random())
        if parameter.status == "dead":
            continue
        prior = options.priors.get(parameter.id)
        if prior is None and parameter.is_stepped:
            # Each step equally likely: rounding a uniform number would halve the outer ones.
            values[index] = min(int(u * parameter.steps), parameter.steps - 1) / (
                parameter.steps - 1
            )
        else:
            values[index] = _draw(prior or plain, u, rng)
    return spec.check(values)


def varied_knobs(spec: EffectSpec, options: SettingsOptions) -> list[int]:
    """Indices of the knobs that `draw_settings` varies, whatever it happens to draw.

    Parameters
    ----------
    spec : EffectSpec
        Of the recipe's effect.
    options : SettingsOptions
        How settings are drawn.

    Returns
    -------
    list of int
        Indices, rising.
    """
    plain = Prior(low=options.low, high=options.high)
    varied = []
    for index, parameter in enumerate(spec.parameters):
        prior = options.priors.get(parameter.id)
        stepped = prior is None and parameter.is_stepped
        given = prior or plain
        moves = given.kind != "fixed" and given.high > given.low
        if parameter.status != "dead" and (stepped or moves):
            varied.append(index)
    return varied


def _draw(prior: Prior, u: float, rng: np.random.Generator) -> float:
    span = prior.high - prior.low
    if prior.kind == "fixed":
        return prior.value
    if prior.kind == "beta":
        return prior.low + span * float(rng.beta(prior.a, prior.b))
    if prior.kind == "log":
        low = max(prior.low, OCTAVES_FROM)
        return float(low * (max(prior.high, low) / low) ** u)
    return prior.low + span * u
