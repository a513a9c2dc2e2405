"""Results on chains by what is in them: one line for each effect, and for each length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dialin.evaluation.rows import Row
from dialin.evaluation.tables import title_of, value_of


def chain_of(row: Row) -> tuple[str, ...]:
    """Names of the effects behind an item's reference; none where it is no chain.

    Parameters
    ----------
    row : dict
        From `run_plan`.

    Returns
    -------
    tuple of str
        In order.
    """
    uris = row.get("where", {}).get("chain", ())
    return tuple(str(uri).rpartition("/")[2].rpartition(":")[2] for uri in uris)


def markdown_chains(rows: Sequence[Row], metric: str) -> str:
    """Means of a metric by effect of the chain and by its length; empty where there are no chains.

    An item counts for each effect that it has, so the lines of effects overlap; items to which a
    method has no answer are left out for all.

    Parameters
    ----------
    rows : sequence of dict
        Of one group of one protocol.
    metric : str
        Its name.

    Returns
    -------
    str
    """
    methods = list(dict.fromkeys(row["method"] for row in rows))
    answers: dict[int, dict[str, float]] = {}
    chains: dict[int, tuple[str, ...]] = {}
    for row in rows:
        names, value = chain_of(row), value_of(row, metric)
        if names and np.isfinite(value):
            answers.setdefault(row["item"], {})[row["method"]] = value
            chains[row["item"]] = names
    values: dict[str, list[list[float]]] = {}
    for item, names in chains.items():
        if len(answers[item]) == len(methods):
            length = f"{len(names)} effect" + ("s" if len(names) > 1 else "")
            for line in (*dict.fromkeys(names), length):
                values.setdefault(line, []).append([answers[item][m] for m in methods])
    if not values:
        return ""
    lines = [
        f"| {title_of(metric)}, chains with | n | " + " | ".join(methods) + " |",
        "|---|---|" + "---|" * len(methods),
    ]
    lengths = sorted(line for line in values if line[0].isdigit())
    for line in (*sorted(set(values) - set(lengths)), *lengths):
        means = np.mean(values[line], axis=0)
        texts = [f"**{m:.3f}**" if m == means.min() else f"{m:.3f}" for m in means]
        lines.append(f"| {line} | {len(values[line])} | " + " | ".join(texts) + " |")
    return "\n".join(lines) + "\n"
