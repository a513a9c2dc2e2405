"""Lists and tables that evaluation reads: what is wrong with them is said, never a traceback."""

import json

import pytest

from dialin.errors import OutputError, UsageError
from dialin.evaluation.listening import read_ratings
from dialin.evaluation.protocols.manifests import ManifestCounterFx
from dialin.evaluation.rows import read_rows
from tests.fuzz import seeds

COLUMNS = b"trial_id,rating_stimulus,rating_score\n"


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\n",
        b"\x00,\x00\n\x00,\x00\n",
        COLUMNS + b"a\n",
        COLUMNS + b"a,b,5,6\n",
        COLUMNS + b"a,b," + b"9" * 200_000 + b"\n",
    ],
)
def test_ratings_that_are_none(tmp_path, content):
    file = tmp_path / "mushra.csv"
    file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_ratings(file)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "line", ["[" * 5000, '{"protocol":1}', json.dumps(seeds.ROW | {"item": 1e999}), "\udcff"]
)
def test_rows_that_are_none(tmp_path, line):
    file = tmp_path / "rows.jsonl"
    file.write_bytes(line.encode("utf-8", "surrogateescape") + b"\n")
    with pytest.raises(OutputError, match="another folder"):
        read_rows(file)


PHYSICAL = seeds.COUNTERFX_TARGET["continuous_params_physical"]


@pytest.mark.parametrize(
    "changes",
    [
        {"item_id": []},
        {"chain_order": 5},
        {"chain_order": ["delay", "shutil"]},
        {"chain_order": [["delay"]]},
        {"continuous_params_physical": {"delay": 3, "peak_filter": {}}},
        {"continuous_params_physical": {**PHYSICAL, "delay": {"mix": 10**400}}},
        {"continuous_params_physical": {**PHYSICAL, "delay": {"mix": float("nan")}}},
    ],
)
def test_targets_that_no_chain_can_have(tmp_path, changes):
    audio, targets = tmp_path / "audio.csv", tmp_path / "targets.jsonl"
    audio.write_text(seeds.COUNTERFX_AUDIO)
    manifests = ManifestCounterFx(str(audio), str(targets), str(tmp_path))
    targets.write_text(json.dumps(seeds.COUNTERFX_TARGET) + "\n")
    assert len(ManifestCounterFx(str(audio), str(targets), ".").rows) == 1
    targets.write_text(json.dumps(seeds.COUNTERFX_TARGET | changes) + "\n")
    with pytest.raises(UsageError, match="cannot be used together"):
        manifests.rows  # noqa: B018


def test_a_row_of_audio_without_a_place(tmp_path):
    audio, targets = tmp_path / "audio.csv", tmp_path / "targets.jsonl"
    audio.write_text(seeds.COUNTERFX_AUDIO.replace("12.0", "nan"))
    targets.write_text(json.dumps(seeds.COUNTERFX_TARGET) + "\n")
    with pytest.raises(UsageError, match="start_b_sec"):
        ManifestCounterFx(str(audio), str(targets), str(tmp_path)).rows  # noqa: B018
