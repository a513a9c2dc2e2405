"""``dialin profile``: keep what is needed of references, without their sound."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dialin.cli._console import (
    JsonOption,
    OverwriteOption,
    QuietOption,
    begin,
    confirm_overwrite,
)
from dialin.cli._options import OUTPUT, example
from dialin.cli._progress import waiting

app = typer.Typer(
    no_args_is_help=True,
    help="""Keep what is needed of references, without their sound.

\b
  dialin profile save ref1.flac ref2.flac -o punchy.json
  dialin profile show punchy.json
  dialin match song.wav -o out/ --reference punchy.json
""",
)


@app.command()
@example("dialin profile save ref1.flac ref2.flac -o punchy.json")
def save(
    context: typer.Context,
    references: Annotated[list[str], typer.Argument(metavar="REFERENCE", help="FILE[:WEIGHT].")],
    target: Annotated[Path, typer.Option("--output", "-o", help=f"{OUTPUT}: a file.")],
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Listen to references, and write what they have in common: features, no audio."""
    output = begin(context, json=json, quiet=quiet)
    from dialin.cli._match_words import parse_reference
    from dialin.files import check_not_read, write_text
    from dialin.files.text import json_text
    from dialin.matching.recordings import listen
    from dialin.matching.songs.profiles import combine

    mix = [parse_reference(text) for text in references]
    check_not_read([target], [path for path, _ in mix])
    if target.exists():
        overwrite = confirm_overwrite(output, overwrite, target)
    with waiting(output, "listening"):
        profile = combine([listen(path, weight) for path, weight in mix])
    write_text(target, json_text(profile.to_dict()), overwrite=overwrite)
    output.data(profile.to_dict() | {"file": str(target)})
    output.say(str(target))


@app.command()
@example("dialin profile show punchy.json")
def show(
    context: typer.Context,
    profile: Annotated[Path, typer.Argument(help="A profile that dialin profile save wrote.")],
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Show what a profile holds."""
    output = begin(context, json=json, quiet=quiet)
    from dialin.matching.songs.profiles import load_profile

    loaded = load_profile(profile)
    output.data(loaded.to_dict())
    output.say(f"of {', '.join(loaded.names)}: {loaded.seconds:.0f} s of music")
    output.say(
        f"{loaded.loudness:.1f} LUFS, crest factor {loaded.crest_db:.1f} dB, loudness spread "
        f"{loaded.spread:.1f} LU, width {100 * loaded.spectra.width:.0f} %"
    )
