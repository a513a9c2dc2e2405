"""What all commands share: where text goes, how errors end a command, how options look."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from dialin.errors import DialinError, OutputError, UsageError
from dialin.files.system import STOPPING

if TYPE_CHECKING:
    from rich.console import Console

    from dialin.presets.preset import Preset

WANTS_JSON = "dialin wants JSON"
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it (128 + SIGINT)."""

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object instead of text.", show_default=False)
]
QuietOption = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print nothing but errors.", show_default=False),
]
OverwriteOption = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace results of an earlier run.", show_default=False),
]
TrustOption = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Let the preset load plugins from outside the usual folders, and Faust programs.",
        show_default=False,
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Worker processes; one a CPU core by default."),
]


@dataclass
class Output:
    """Where a command's words go.

    Results go to stdout; progress, warnings and errors to stderr, so that pipes stay clean.

    Attributes
    ----------
    json : bool
        Whether one JSON object takes the place of text on stdout.
    quiet : bool
        Whether progress and remarks are left out.
    debug : bool
        Whether errors come with their traceback.
    """

    json: bool = False
    quiet: bool = False
    debug: bool = False

    @property
    def talks(self) -> bool:
        """Whether text for people is wanted."""
        return not (self.json or self.quiet)

    @property
    def stdout(self) -> Console:
        """Rich console of results."""
        return _console(highlight=False, soft_wrap=not sys.stdout.isatty())

    @property
    def stderr(self) -> Console:
        """Rich console of progress and remarks."""
        return _console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())

    def say(self, text: str) -> None:
        """Print a line of result (rich markup allowed; escape what people wrote).

        Parameters
        ----------
        text : str
            With rich markup.
        """
        if self.talks:
            self.stdout.print(text)

    def table(self, table: Any) -> None:
        """Print a rich table; one piped away is given room instead of the terminal's 80 columns.

        Parameters
        ----------
        table : rich.table.Table
            What is printed.
        """
        if not self.talks:
            return
        piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
        _console(highlight=False, width=200 if piped else None).print(table)

    def warn(self, text: str) -> None:
        """Print a remark on stderr, unless quiet.

        Parameters
        ----------
        text : str
            A sentence without its full stop.
        """
        if not self.quiet:
            sys.stderr.write(f"note: {text}\n")

    def data(self, payload: Any) -> None:
        """Print the JSON object, where it was asked for.

        Parameters
        ----------
        payload : object
            What `dialin.files.text.plain` can make plain data of.
        """
        if self.json:
            from dialin.files.text import json_text, plain

            sys.stdout.write(json_text(plain(payload)) + "\n")


def _console(**options: Any) -> Console:
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            # Rich would leave with an error where `head` has read enough.
            raise BrokenPipeError

    return Piped(**options)


def time_columns() -> list[Any]:
    """Columns of every progress bar: the time it took so far, and what is left."""
    from rich.progress import TextColumn, TimeElapsedColumn, TimeRemainingColumn

    left = TimeRemainingColumn(elapsed_when_finished=False)
    return [TimeElapsedColumn(), TextColumn("[dim]left[/]"), left]


def begin(context: typer.Context, *, json: bool = False, quiet: bool = False) -> Output:
    """Set up a command's output from its own flags.

    Parameters
    ----------
    context : Context
        Of the command.
    json : bool, default False
        Whether one JSON object is wanted instead of text.
    quiet : bool, default False
        Whether progress and remarks are not.

    Returns
    -------
    Output
        The program's one, set so.
    """
    output = context.find_object(Output) or Output()
    output.json, output.quiet = json, quiet
    return output


def confirm_overwrite(output: Output, overwrite: bool, folder: object) -> bool:
    """Ask, where there is someone to ask, whether earlier results may be replaced.

    Parameters
    ----------
    output : Output
        Of the command.
    overwrite : bool
        What the command line says already.
    folder : object
        Where they are.

    Returns
    -------
    bool
        Whether they may.
    """
    if overwrite or not output.talks or not sys.stdin.isatty() or not sys.stderr.isatty():
        return overwrite
    return typer.confirm(f"{folder} holds earlier results. Replace them?", err=True)


def load_preset(output: Output, path: Path, trust: bool) -> Preset:
    """Read a preset; where it would have code loaded from anywhere, ask if there is someone to ask.

    Without an answer it stays untrusted, and what opens its effects refuses to.

    Parameters
    ----------
    output : Output
        Of the command.
    path : Path
        Of the preset.
    trust : bool
        Whether the command line vouches for it.

    Returns
    -------
    Preset

    Raises
    ------
    PresetError
        If it cannot be read.
    """
    from dialin.presets.preset import Preset
    from dialin.presets.whereabouts import located, untrusted

    preset = Preset.load(path, trust=trust)
    asked = [] if trust else untrusted(located(preset)[0])
    if asked and output.talks and sys.stdin.isatty() and sys.stderr.isatty():
        files = "\n  ".join(asked)
        sys.stderr.write(
            f"{path} would load code from outside the usual plugin folders:\n  {files}\n"
            "Code can do whatever you can: read your files, delete them, send them away.\n"
        )
        if typer.confirm("Do you know where it comes from?", err=True):
            return replace(preset, trusted=True)
    return preset


def pairs(values: list[str] | None, *, option: str, example: str) -> list[tuple[str, str]]:
    """Split ``name=value`` options.

    Parameters
    ----------
    values : list of str or None
        As given; None where the option was not.
    option : str
        Its name, for the message.
    example : str
        What may stand behind it, for the message.

    Returns
    -------
    list of (str, str)
        Name and value of each.

    Raises
    ------
    UsageError
        If one of them has no name, no value or no equals sign.
    """
    result = []
    for text in values or []:
        name, equals, value = text.partition("=")
        if not (equals and name.strip() and value.strip()):
            raise UsageError(f"{option} {text!r} is not understood; write {option} {example}")
        result.append((name.strip(), value.strip()))
    return result


def named_effects(output: Output, names: str | list[str]) -> list[str]:
    """URIs of effects named on the command line, with a remark where a name was ambiguous.

    Parameters
    ----------
    output : Output
        Of the command.
    names : str or list of str
        URIs, names or favourites.

    Returns
    -------
    list of str

    Raises
    ------
    EffectNotFoundError
        If there is none of a name.
    """
    from dialin.effects.names import resolve_effects

    resolved = resolve_effects(names)
    for note in resolved.notes:
        output.warn(note)
    return list(resolved.uris)


def named_effect(output: Output, name: str | list[str]) -> str:
    """URI of one effect, or of the chain that several, or a favourite, stand for.

    Parameters
    ----------
    output : Output
        Of the command.
    name : str or list of str
        A URI, a name or a favourite.

    Returns
    -------
    str

    Raises
    ------
    EffectNotFoundError
        If there is none of that name.
    """
    from dialin.effects.chain import chain_uri

    uris = named_effects(output, name)
    return uris[0] if len(uris) == 1 else chain_uri(uris)


def number(text: str, *, option: str, example: str) -> float:
    """Read a finite number from an option, or raise `UsageError`.

    Parameters
    ----------
    text : str
        As given.
    option : str
        Its name, for the message.
    example : str
        What may stand behind it, for the message.

    Returns
    -------
    float

    Raises
    ------
    UsageError
        If it is no finite number.
    """
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if value - value != 0:
        raise UsageError(f"{option}: {text!r} is no number; write {option} {example}")
    return value


def words(values: list[str] | None) -> list[str]:
    """Options that may be repeated or separated by commas, flat.

    Parameters
    ----------
    values : list of str or None
        As given; None where the option was not.

    Returns
    -------
    list of str
    """
    return [word.strip() for value in values or [] for word in value.split(",") if word.strip()]


class Ended(SystemExit):
    """The system, or another program, ordered this one to end: everything cleans up on the way.

    Parameters
    ----------
    number : int
        Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.signal = signal.Signals(number).name


@contextmanager
def obey_orders_to_end() -> Iterator[None]:
    """Answer SIGTERM and SIGHUP as Ctrl-C is answered, by unwinding, not by vanishing.

    One that is ignored, as ``nohup`` has it, stays so.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        raise Ended(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for number in STOPPING[1:]:
        if signal.getsignal(number) == signal.SIG_DFL:
            before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Commands(TyperGroup):
    """The root command: turns every error into one sentence and an exit code."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Note whether JSON is asked for, before anything else can go wrong.

        Parameters
        ----------
        ctx : click.Context
            Of the program.
        args : list of str
            Its arguments.

        Returns
        -------
        list of str
            What is left of them for commands.

        Raises
        ------
        Exit
            With the exit code of what was refused.
        """
        ends = args.index("--") if "--" in args else len(args)
        ctx.meta[WANTS_JSON] = "--json" in args[:ends]
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if _is_click(error):
                raise _refused(Output(json=ctx.meta[WANTS_JSON]), error) from error
            raise

    def invoke(self, ctx: Any) -> Any:
        """Run a command.

        Parameters
        ----------
        ctx : click.Context
            Of the program.

        Returns
        -------
        object
            What the command returned.

        Raises
        ------
        Exit
            With the exit code of what went wrong.
        """
        output = Output(
            json=ctx.meta.get(WANTS_JSON, False), debug=bool(os.environ.get("DIALIN_DEBUG"))
        )
        ctx.obj = output
        try:
            with obey_orders_to_end():
                result = super().invoke(ctx)
                # What a full disk does not take is to be an error, not lost.
                sys.stdout.flush()
                return result
        except DialinError as error:
            raise typer.Exit(_fail(output, error.code, str(error), error.exit_code)) from error
        except KeyboardInterrupt as stop:
            code = _fail(output, "interrupted", _told("stopped by Ctrl-C", stop), INTERRUPTED)
            raise typer.Exit(code) from None
        except Ended as stop:
            message = _told(f"ended by {stop.signal}", stop)
            raise typer.Exit(_fail(output, "interrupted", message, int(str(stop)))) from None
        except BrokenPipeError:
            # Whoever read the output has left, as `head` does; that is no error of ours.
            sys.stdout = open(os.devnull, "w")  # noqa: PTH123
            raise typer.Exit(0) from None
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if _is_click(error):
                raise _refused(output, error) from error
            if is_full(error):
                raise typer.Exit(say_full(output, error)) from error
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            code = _fail(
                output,
                "unexpected",
                f"something went wrong inside dialin ({reason}); this is a bug. "
                "`dialin --debug ...` shows where: please send that with your report",
                1,
            )
            raise typer.Exit(code) from error


def is_full(error: Exception) -> bool:
    """Whether an error says that the disk, or what is printed to, takes no more.

    Parameters
    ----------
    error : Exception
        Whatever was raised.

    Returns
    -------
    bool
    """
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def say_full(output: Output, error: Exception) -> int:
    """Say that the disk is full, on stderr alone, and return the exit code.

    Parameters
    ----------
    output : Output
        Of the command.
    error : Exception
        What the system said.

    Returns
    -------
    int
    """
    with suppress(OSError):
        sys.stdout.close()
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123
    message = f"the disk is full: {error}; make room and run it again"
    return _fail(output, OutputError.code, message, OutputError.exit_code)


def _told(message: str, stop: BaseException) -> str:
    """Message with what was noted on the way, such as where something was kept."""
    return "; ".join([message, *getattr(stop, "__notes__", [])])


def _is_click(error: Exception) -> bool:
    # Click's own errors (typer carries its copy of click) know how to show themselves.
    return any(base.__name__ == "ClickException" for base in type(error).__mro__)


def _refused(output: Output, error: Any) -> Exception:
    """What ends a command that the parser refuses: one line, and JSON where it is asked for."""
    if type(error).__name__ == "NoArgsIsHelpError":
        help_wanted: Exception = error
        return help_wanted
    context = getattr(error, "ctx", None)
    message = error.format_message().rstrip(".")
    if context is not None:
        message = f"{message}; see {context.command_path} --help"
    return typer.Exit(_fail(output, UsageError.code, message, error.exit_code))


def _error(code: str, message: str, exit_code: int) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "exit_code": exit_code}}


def _fail(output: Output, code: str, message: str, exit_code: int) -> int:
    if output.debug and sys.exc_info()[0] is not None:
        traceback.print_exc()
    if output.json:
        output.data(_error(code, message, exit_code))
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    return exit_code
