"""Model folders: what a trained network is known and used by. Never pickle.

A folder holds

``config.json``        what the network is, its front end, what it was trained on, by which versions
``model.safetensors``  its weights
``NAME.onnx``          what is needed to use it without torch (see `dialin.networks.runtime`)
``README.md``          the model card: data, figures, limits, licence

`save_model` writes a folder beside its place and renames it there in one step. `load_encoder` and
`load_weights` compare every name and shape, and the front end, before a single weight is used.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import os
import platform
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dialin.errors import ModelError, OutputError
from dialin.files import uninterrupted, working_folder
from dialin.networks.configuration import (
    CONFIG,
    DIMENSIONS,
    FORMAT,
    SAMPLES,
    WEIGHTS,
    front_end_of,
    read_config,
    whole_number,
)
from dialin.networks.encoder import EncoderModule
from dialin.networks.frontend import FrontEnd
from dialin.networks.frontend_numpy import FrontEndConfig
from dialin.networks.onnx_runtime import import_onnxruntime
from dialin.networks.pooled_encoder import PooledEncoder
from dialin.networks.vae import Vae

CARD = "README.md"
ENCODERS: Mapping[str, type[Vae] | type[PooledEncoder]] = {
    "vae": Vae,
    "encoder": PooledEncoder,
    # What folders called it that were written before.
    "style": PooledEncoder,
}
"""Encoders by the ``kind`` of their configuration."""


@dataclass(frozen=True)
class OnnxPart:
    """A network to export.

    Attributes
    ----------
    module : nn.Module
        Called with `inputs` in their order.
    inputs : mapping of str to Tensor
        Examples, batch first, of at least two items; the batch's size stays free.
    outputs : tuple of str
    """

    module: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...]


def encoder_config(encoder: Vae | PooledEncoder, **extra: Any) -> dict[str, Any]:
    """Configuration of an encoder; `extra` is kept beside it (data, figures, seed...).

    Parameters
    ----------
    encoder : Vae or PooledEncoder
        What is described.
    extra : plain data
        Entries of their own.

    Returns
    -------
    dict
    """
    kind = next(name for name, made in ENCODERS.items() if isinstance(encoder, made))
    return {
        "kind": kind,
        "sample_rate": encoder.sample_rate,
        "dimensions": encoder.dimensions,
        "samples": encoder.samples,
        "front_end": dataclasses.asdict(encoder.front_end.config),
        "options": encoder.options,
        **extra,
    }


def encoder_part(encoder: EncoderModule) -> OnnxPart:
    """What exports an encoder: input ``audio``, output ``embedding``.

    Parameters
    ----------
    encoder : EncoderModule
        What is exported.

    Returns
    -------
    OnnxPart
    """
    # Noise rather than zeros, of which levels are all alike.
    example = torch.randn(2, encoder.samples, generator=torch.Generator().manual_seed(0))
    return OnnxPart(encoder, {"audio": example}, ("embedding",))


def save_model(
    folder: str | os.PathLike[str],
    config: Mapping[str, Any],
    module: nn.Module,
    *,
    card: str,
    onnx: Mapping[str, OnnxPart] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a model folder in one piece.

    Parameters
    ----------
    folder : path-like
        Of the model.
    config : mapping
        Plain data; at least ``kind``. Shapes of weights and versions are added.
    module : nn.Module
        What the weights are taken from.
    card : str
        Markdown.
    onnx : mapping of str to OnnxPart
        ``NAME.onnx`` for each name. Each export is run once and compared with torch.
    overwrite : bool
        Replace a folder that is there.

    Returns
    -------
    Path

    Raises
    ------
    OutputError
        If the folder is there and `overwrite` is not set, or cannot be written.
    """
    from safetensors.torch import save_file

    target = Path(folder)
    if target.exists() and not overwrite:
        raise OutputError(f"{str(target)!r} is there already; name another folder, or overwrite it")
    weights = {n: t.detach().cpu().contiguous() for n, t in module.state_dict().items()}
    body = {
        "format": FORMAT,
        **config,
        "weights": {name: list(tensor.shape) for name, tensor in sorted(weights.items())},
        "versions": _versions(),
    }
    with working_folder(target.parent) as work:
        made = work / "model"
        try:
            made.mkdir()
            save_file(weights, made / WEIGHTS)
            for name, part in (onnx or {}).items():
                export_onnx(part, made / f"{name}.onnx")
            (made / CARD).write_text(card, encoding="utf-8")
            text = json.dumps(body, indent=1, sort_keys=True, allow_nan=False) + "\n"
            (made / CONFIG).write_text(text, encoding="utf-8")
            for file in (made, *made.iterdir()):
                file.chmod(0o755 if file is made else 0o644)
            _replace(made, target)
        except OSError as error:
            raise OutputError(f"{str(target)!r} cannot be written: {error}") from error
    return target


def _replace(made: Path, target: Path) -> None:
    # Beside its target, not in the working folder: should the run be killed between the two moves,
    # nothing may sweep the only model there is.
    old = target.with_name(f".{target.name}.{made.parent.name.rpartition('-')[2]}.old")
    with uninterrupted():
        if target.exists():
            target.rename(old)
        try:
            made.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)


def export_onnx(part: OnnxPart, file: Path) -> None:
    """Export a network, and check that it gives what torch gives.

    Parameters
    ----------
    part : OnnxPart
        What is exported, with example inputs.
    file : Path
        To be written.

    Raises
    ------
    OutputError
        If the exported network's answer differs by more than a thousandth of its spread.
    """
    try:
        onnxruntime = import_onnxruntime()
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise OutputError(
            f"{file.name} cannot be written: {error}; pip install 'dialin[training]'"
        ) from error
    module = copy.deepcopy(part.module).cpu().eval()
    for inner in module.modules():
        if isinstance(inner, FrontEnd):
            inner.exportable = True
    inputs = tuple(tensor.detach().cpu() for tensor in part.inputs.values())
    batch = torch.export.Dim("batch")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with torch.no_grad(), warnings.catch_warnings():
        # Of operators of other packages that are not there, and of torch's own future.
        warnings.simplefilter("ignore")
        expected = module(*inputs)
        torch.onnx.export(
            module,
            inputs,
            file,
            input_names=list(part.inputs),
            output_names=list(part.outputs),
            dynamic_shapes=tuple({0: batch} for _ in inputs),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    outputs = session.run(None, {n: t.numpy() for n, t in zip(part.inputs, inputs, strict=True)})
    wanted = expected if isinstance(expected, tuple) else (expected,)
    for name, ours, theirs in zip(part.outputs, wanted, outputs, strict=True):
        apart = float((ours - torch.from_numpy(theirs)).abs().max())
        spread = float(ours.abs().max())
        if not apart <= 1e-3 * spread + 1e-5:
            raise OutputError(
                f"{file.name}: {name} differs by {apart:.3g} (largest value {spread:.3g}) from "
                "torch; this network cannot be exported as it is"
            )


def load_weights(
    folder: str | os.PathLike[str], module: nn.Module, *, prefix: str = ""
) -> nn.Module:
    """Load a folder's weights into a module that must fit them exactly.

    Parameters
    ----------
    folder : path-like
        Of the model.
    module : nn.Module
        Whose weights are replaced.
    prefix : str
        Load only weights whose names begin so, without it.

    Returns
    -------
    Module

    Raises
    ------
    ModelError
        If a name is missing or too many, a shape differs, a weight is not finite, or the module's
        front end is not the folder's. Nothing is loaded then.
    """
    from safetensors.torch import load_file

    config = read_config(folder)
    file = Path(folder) / WEIGHTS
    try:
        there = load_file(file)
    except Exception as error:
        raise ModelError(f"{str(file)!r} cannot be read: {error}") from error
    there = {n.removeprefix(prefix): t for n, t in there.items() if n.startswith(prefix)}
    wanted = module.state_dict()
    problems = [f"{name} is missing" for name in wanted if name not in there]
    problems += [f"{name} is not in the network" for name in there if name not in wanted]
    for name in wanted.keys() & there.keys():
        if wanted[name].shape != there[name].shape:
            shapes = f"{list(there[name].shape)}, the network {list(wanted[name].shape)}"
            problems.append(f"{name} has shape {shapes}")
        elif not bool(torch.isfinite(there[name].float()).all()):
            problems.append(f"{name} is not finite")
    if problems:
        shown = "; ".join(sorted(problems)[:4])
        more = f"; and {len(problems) - 4} more" if len(problems) > 4 else ""
        raise ModelError(f"the weights in {str(file)!r} do not fit the network: {shown}{more}")
    for inner in module.modules():
        if isinstance(inner, FrontEnd):
            check_front_end(front_end_of(config, folder), inner.config, folder)
    module.load_state_dict(there, strict=True)
    return module


def check_front_end(
    theirs: FrontEndConfig, ours: FrontEndConfig, folder: str | os.PathLike[str]
) -> None:
    """Refuse a front end other than a model was trained with, by what differs.

    Parameters
    ----------
    theirs : FrontEndConfig
        The front end of the model.
    ours : FrontEndConfig
        The front end that it would be used with.
    folder : path-like
        Of the model.

    Raises
    ------
    ModelError
        If they differ.
    """
    different = [
        f"{f.name} = {getattr(theirs, f.name)!r} there, {getattr(ours, f.name)!r} here"
        for f in dataclasses.fields(FrontEndConfig)
        if getattr(theirs, f.name) != getattr(ours, f.name)
    ]
    if different:
        raise ModelError(
            f"{str(folder)!r} was trained with another front end ({'; '.join(different)}); "
            "its weights mean nothing here"
        )


def load_encoder(folder: str | os.PathLike[str]) -> EncoderModule:
    """Load an encoder, in evaluation mode, on the CPU.

    Parameters
    ----------
    folder : path-like
        Of the model.

    Returns
    -------
    EncoderModule

    Raises
    ------
    ModelError
        If the folder holds no encoder, or its weights do not fit exactly.
    """
    config = read_config(folder)
    kind = str(config.get("kind"))
    if kind not in ENCODERS:
        raise ModelError(
            f"{str(folder)!r} holds a model of kind {kind!r}; an encoder is one of "
            f"{', '.join(ENCODERS)}"
        )
    try:
        front_end, options = front_end_of(config, folder), dict(config["options"])
        samples = whole_number(options, "samples", SAMPLES, folder)
        whole_number(options, "dimensions", DIMENSIONS, folder)
        channels = options["channels"]
        if not (
            isinstance(channels, list)
            and 1 <= len(channels) <= 16
            and all(isinstance(c, int) and 1 <= c <= 65_536 for c in channels)
        ):
            raise TypeError(f"channels = {channels!r}")
        if samples < front_end.hop:
            raise TypeError(f"samples = {samples}, below front_end.hop = {front_end.hop}")
        # First without memory: what a stranger's folder says of sizes must fit its weights.
        with torch.device("meta"):
            shapes = ENCODERS[kind].make(front_end, options).state_dict()
        _check_sizes(folder, shapes)
        encoder = ENCODERS[kind].make(front_end, options)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{str(folder)!r}: config.json does not describe a network of kind {kind!r}: {error}"
        ) from error
    load_weights(folder, encoder)
    return encoder.eval()


def _check_sizes(folder: str | os.PathLike[str], shapes: Mapping[str, Tensor]) -> None:
    """Refuse a network that is larger than the weights that are there for it."""
    file = Path(folder) / WEIGHTS
    wanted = sum(t.numel() for t in shapes.values())
    try:
        # Half precision at least.
        there = file.stat().st_size // 2 if file.is_file() else 0
    except OSError as error:
        raise ModelError(f"{str(file)!r} cannot be read: {error}") from error
    if wanted > there:
        raise ModelError(
            f"the weights in {str(file)!r} do not fit the network: it has {wanted} numbers, the "
            f"file at most {there}"
        )


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in ("dialin", "torch", "lightning", "numpy", "onnx"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
