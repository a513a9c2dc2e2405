"""What a command reads is never replaced by what it writes, whatever name it goes by."""

import pytest

from tests.cli.runner import dialin


@pytest.mark.parametrize(
    ("read", "written", "command"),
    [
        ("recipe.toml", "out/plan.json", ["data", "render", "recipe.toml", "-o", "out"]),
        (
            "set/targets.jsonl",
            "out/rows.jsonl",
            ["evaluate", "counterfx", "--manifests", "set", "--songs", "songs", "-o", "out"],
        ),
        (
            "songs/a.wav",
            "out/key.json",
            ["listen", "build", "seed", "--songs", "songs", "-o", "out"],
        ),
    ],
)
def test_an_output_that_is_an_input_by_another_name(tmp_path, read, written, command):
    for name in ("set/audio.csv", "songs/x", read):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / written).symlink_to(tmp_path / read)
    (tmp_path / "recipe.toml").write_text('effect = "fake:gain"\n[[songs]]\nroot = "songs"\n')
    before = (tmp_path / read).read_bytes()
    ran = dialin(*command, cwd=tmp_path)
    assert ran.code == 7, ran.err
    assert "this run" in ran.errors[0]
    assert (tmp_path / read).read_bytes() == before
