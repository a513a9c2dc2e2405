"""Results on chains, by what is in them."""

from __future__ import annotations

from dialin.evaluation.chains import chain_of, markdown_chains


def row(item: int, method: str, value: float | None, *effects: str) -> dict[str, object]:
    return {
        "method": method,
        "item": item,
        "metrics": {"ld": value},
        "where": {"chain": [f"builtin:{name}" for name in effects]},
    }


def test_an_item_counts_for_each_of_its_effects_and_for_its_length() -> None:
    rows = [
        row(0, "untouched", 2.0, "delay"),
        row(1, "untouched", 4.0, "delay", "reverb"),
        row(0, "guess:1", 1.0, "delay"),
        row(1, "guess:1", 5.0, "delay", "reverb"),
        # Without a value: left out.
        row(2, "guess:1", None, "reverb"),
    ]
    assert chain_of(rows[1]) == ("delay", "reverb")
    lines = markdown_chains(rows, "ld").splitlines()
    assert lines[2] == "| delay | 2 | **3.000** | **3.000** |"
    assert lines[3] == "| reverb | 1 | **4.000** | 5.000 |"
    assert lines[4] == "| 1 effect | 1 | 2.000 | **1.000** |"
    assert lines[5] == "| 2 effects | 1 | **4.000** | 5.000 |"


def test_what_is_no_chain_has_no_such_table() -> None:
    assert markdown_chains([{"method": "random", "metrics": {"ld": 1.0}}], "ld") == ""
