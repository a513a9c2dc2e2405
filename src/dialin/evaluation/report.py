"""What a run leaves beside its rows: tables in three formats, figures, and one page to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dialin._version import __version__
from dialin.evaluation.chains import markdown_chains
from dialin.evaluation.figures import draw_all
from dialin.evaluation.rows import Row
from dialin.evaluation.tables import (
    EXTRA,
    Cell,
    csv_text,
    json_table,
    markdown_curve,
    markdown_details,
    markdown_overview,
    summarise,
)
from dialin.files import write_text


def write_report(
    rows: Mapping[str, Sequence[Row]],
    metrics: Mapping[str, Sequence[str]],
    folder: Path,
    *,
    figures: bool = True,
    command: str = "",
) -> list[Path]:
    """Write ``table.md``, ``table.csv``, ``table.json`` and the figures.

    Parameters
    ----------
    rows : mapping
        Protocol -> its rows.
    metrics : mapping
        Protocol -> metrics, the leading one first.
    folder : Path
        Made if it is not there.
    figures : bool
        Whether to draw; needs matplotlib.
    command : str
        What made it, quoted in the page.

    Returns
    -------
    list of Path
        What was written.
    """
    cells: list[Cell] = []
    text = ["# Evaluation", ""]
    if command:
        text += [f"    {command}", ""]
    written: list[Path] = []
    for protocol, its_rows in rows.items():
        if not its_rows:
            continue
        lead = metrics[protocol][0]
        extra = [name for name in EXTRA if any(name in row for row in its_rows)]
        here = summarise(its_rows, [*metrics[protocol], *extra])
        cells += here
        run = its_rows[0]["run"]
        text += [
            f"## {protocol}",
            "",
            f"Seed {run['seed']}, {run['split']} split, songs {run['songs']}, dialin "
            f"{__version__}. Mean ± standard error.",
            "",
        ]
        for name in (*metrics[protocol], *extra):
            table = markdown_overview(here, protocol, name)
            text += [table] if table else []
        text += [f"### In detail: {lead}", "", markdown_details(here, protocol, lead)]
        for group in dict.fromkeys(row["group"] for row in its_rows):
            curve = markdown_curve([row for row in its_rows if row["group"] == group])
            if curve:
                text += [f"### Budgets: {group}, {lead}", "", curve]
        for group in dict.fromkeys(row["group"] for row in its_rows):
            chains = markdown_chains([row for row in its_rows if row["group"] == group], lead)
            if chains:
                text += [f"### By what is in the chain: {group}", "", chains]
        if figures:
            for path in draw_all(its_rows, lead, folder):
                written.append(path)
                text += [f"![{path.stem}]({path.name})", ""]
        lost = [row for row in its_rows if row["error"]]
        if lost:
            text += ["### Answers that could not be given", ""]
            text += [
                f"* {row['group']} {row['item']}, {row['method']}: {row['error']}"
                for row in lost[:50]
            ]
            text += [""] if len(lost) <= 50 else [f"* and {len(lost) - 50} more", ""]
    for name, body in (
        ("table.md", "\n".join(text)),
        ("table.csv", csv_text(cells)),
        ("table.json", json_table(cells)),
    ):
        written.append(write_text(folder / name, body, parents=True))
    return written
