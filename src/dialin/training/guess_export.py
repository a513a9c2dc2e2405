"""Writing guessing networks into a model folder that runs without torch.

Weights of matrices are kept in 8 bits with a scale for each output, as ONNX's
``DequantizeLinear`` has it: a quarter of the size, and what comes out differs by less than the
noise of the candidates. `expected.npz` holds what torch gave for some inputs, to be compared.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dialin.errors import ModelError
from dialin.matching.guessing.guess_vocabulary import Vocabulary
from dialin.networks.configuration import CONFIG, FORMAT
from dialin.networks.guess_network import Trunk
from dialin.networks.guess_runtime import KIND

SMALLEST = 4096
"""Elements of a matrix from which on it is kept in 8 bits."""

INPUTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "trunk": (("input", "reference", "peaks", "known"), ("embedding", "there", "knobs")),
    "flow": (("at", "time", "embedding", "known"), ("velocity",)),
    "judge": (
        ("input", "render", "render_peaks", "reference", "reference_peaks"),
        ("distance",),
    ),
    "risk": (("input", "one", "two"), ("distance",)),
}
"""Names of each network's inputs and outputs."""


def export_guess(
    nets: nn.ModuleDict,
    vocabulary: Vocabulary,
    folder: Path,
    facts: Mapping[str, Any],
    card: str,
) -> None:
    """Write a model folder.

    Parameters
    ----------
    nets : torch.nn.ModuleDict
        ``trunk``, ``flow``, ``judge`` and ``risk``, as trained.
    vocabulary : Vocabulary
        What they know.
    folder : Path
        Made where it is not there.
    facts : mapping
        Plain data for the configuration: hashes of the effects' specs, rate, seconds.
    card : str
        The model card, Markdown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    trunk = nets["trunk"]
    if not isinstance(trunk, Trunk):
        raise TypeError(f"the trunk is a {type(trunk).__name__}")
    sizes = trunk.sizes
    generator = torch.Generator().manual_seed(3)
    size = {
        "input": sizes.features, "reference": sizes.features, "render": sizes.features,
        "peaks": sizes.peaks, "render_peaks": sizes.peaks, "reference_peaks": sizes.peaks,
        "known": sizes.known, "at": sizes.vector, "one": sizes.vector, "two": sizes.vector,
        "embedding": sizes.width,
    }  # fmt: skip
    scale = trunk.scale
    expected: dict[str, np.ndarray[Any, Any]] = {}
    for name, (inputs, outputs) in INPUTS.items():
        given: list[Tensor] = []
        for entry in inputs:
            if entry == "time":
                given.append(torch.rand(3, generator=generator))
                continue
            values = torch.randn(3, size[entry], generator=generator)
            if size[entry] == sizes.features:
                values = scale.middle + scale.spread * values
                values[2, ::7] = torch.nan
            given.append(values)
        data = _quantised(_onnx(nets[name].eval(), tuple(given), inputs, outputs), nets[name])
        (folder / f"{name}.onnx").write_bytes(data)
        with torch.no_grad():
            told = nets[name](*given)
        told = told if isinstance(told, tuple) else (told,)
        expected |= {f"{name}/{k}": v.numpy() for k, v in zip(inputs, given, strict=True)}
        expected |= {f"{name}>{k}": v.numpy() for k, v in zip(outputs, told, strict=True)}
    np.savez_compressed(folder / "expected.npz", **expected)  # type: ignore[arg-type]
    config = {
        "format": FORMAT,
        "kind": KIND,
        "slots": [{"uri": s.uri, "knobs": list(s.knobs)} for s in vocabulary.slots],
        "orders": list(vocabulary.orders),
        "features": sizes.features,
        **facts,
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n", "utf-8")
    (folder / "README.md").write_text(card, "utf-8")


def import_guess(nets: nn.ModuleDict, folder: Path) -> None:
    """Load what `export_guess` wrote, to go on from it.

    Parameters
    ----------
    nets : torch.nn.ModuleDict
        ``trunk``, ``flow``, ``judge`` and ``risk``, of the same sizes. What a network never uses
        stays as it is.
    folder : Path
        Of the model.

    Raises
    ------
    ModelError
        If there is no such model, or it is of other sizes.
    """
    import onnx
    from onnx import numpy_helper

    for name in INPUTS:
        path = folder / f"{name}.onnx"
        try:
            graph = onnx.load(str(path)).graph
        except Exception as error:
            raise ModelError(f"{str(path)!r} cannot be read: {error}") from error
        there = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        state = nets[name].state_dict()
        for key, own in state.items():
            values = there.get(key)
            if f"{key}_whole" in there:
                values = there[f"{key}_whole"] * there[f"{key}_step"].reshape(-1, 1)
            if values is None:
                continue
            if values.shape != tuple(own.shape):
                raise ModelError(
                    f"{str(path)!r} is of other sizes: {key} has shape {values.shape}, not "
                    f"{tuple(own.shape)}"
                )
            state[key] = torch.from_numpy(np.array(values, dtype=np.float32))
        nets[name].load_state_dict(state)


def _onnx(
    net: nn.Module, given: tuple[Tensor, ...], inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> bytes:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    buffer: Any = io.BytesIO()
    rows = {name: {0: "rows"} for name in (*inputs, *outputs)}
    torch.onnx.export(
        net, given, buffer, input_names=list(inputs), output_names=list(outputs),
        dynamic_axes=rows, opset_version=17, dynamo=False,
    )  # fmt: skip
    return bytes(buffer.getvalue())


def _quantised(data: bytes, net: nn.Module) -> bytes:
    """The network with its matrices in 8 bits; the same is done to `net`, to be compared with."""
    import onnx
    from onnx import helper, numpy_helper

    for module in net.modules():
        if isinstance(module, nn.Linear) and module.weight.numel() >= SMALLEST:
            with torch.no_grad():
                step = module.weight.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
                module.weight.copy_(torch.round(module.weight / step) * step)
    model = onnx.load_from_string(data)
    graph = model.graph
    trans = {
        node.input[1]: any(a.name == "transB" and a.i for a in node.attribute)
        for node in graph.node
        if node.op_type in ("Gemm", "MatMul")
    }
    kept, nodes = [], []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.name not in trans or values.ndim != 2 or values.size < SMALLEST:
            kept.append(tensor)
            continue
        axis = 0 if trans[tensor.name] else 1
        step = np.maximum(np.abs(values).max(axis=1 - axis), 1e-12).astype(np.float32) / 127
        shape = (-1, 1) if axis == 0 else (1, -1)
        whole = np.round(values / step.reshape(shape)).astype(np.int8)
        zero = np.zeros(step.shape, dtype=np.int8)
        names = [f"{tensor.name}_{part}" for part in ("whole", "step", "zero")]
        kept += [
            numpy_helper.from_array(v, n) for v, n in zip((whole, step, zero), names, strict=True)
        ]
        nodes.append(helper.make_node("DequantizeLinear", names, [tensor.name], axis=axis))
    del graph.initializer[:]
    graph.initializer.extend(kept)
    others = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *others])
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
