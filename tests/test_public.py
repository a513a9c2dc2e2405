"""The public surface: what ``import dialin`` offers, how cheap it is, and who imports whom."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

import dialin

HEAVY = ("scipy", "pedalboard", "dawdreamer", "soundfile", "typer", "rich", "numpy")


@pytest.mark.parametrize("name", [n for n in dialin.__all__ if n != "__version__"])
def test_every_public_name_is_there(name):
    assert getattr(dialin, name) is not None


ROOMS = (
    "audio",
    "data",
    "effects",
    "evaluation.listening",
    "evaluation.metrics",
    "files",
    "maps",
    "matching",
    "networks",
    "presets",
    "rendering",
    "reports",
    "timbre",
)


@pytest.mark.parametrize("room", ROOMS)
def test_public_lists_are_true(room):
    module = importlib.import_module(f"dialin.{room}")
    assert len(set(module.__all__)) == len(module.__all__) > 0
    for name in module.__all__:
        assert hasattr(module, name), f"dialin.{room}.{name}"
    # And the other way round: what a room's front door imports from within is on its list.
    inside = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", "").startswith(f"dialin.{room}.")
    }
    assert inside <= set(module.__all__)


@pytest.mark.parametrize("room", ROOMS)
def test_whoever_asks_for_help_is_told_every_parameter(room):
    module = importlib.import_module(f"dialin.{room}")
    for name in module.__all__:
        value = getattr(module, name)
        if not inspect.isfunction(value):
            assert value.__doc__ or not inspect.isclass(value), name
            continue
        value = inspect.unwrap(value)
        text = inspect.getdoc(value) or ""
        described = re.findall(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: :|$)", text, flags=re.M)
        names = {n.strip().lstrip("*") for line in described for n in line.split(",")}
        wanted = set(inspect.signature(value).parameters)
        assert wanted <= names, f"dialin.{room}.{name} does not describe {wanted - names}"


SOURCE = Path(dialin.__file__).parent
PLACES = sorted({p.relative_to(SOURCE).parts[0] for p in SOURCE.rglob("*.py")})
Function = ast.FunctionDef | ast.AsyncFunctionDef


def parameters(function: Function) -> list[ast.arg]:
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    named += [arg for arg in (given.vararg, given.kwarg) if arg is not None]
    return [arg for arg in named if arg.arg not in ("self", "cls") and not arg.arg.startswith("_")]


def is_exempt(function: Function) -> bool:
    """Variants of a signature; and commands, whose docstrings people read as ``--help``."""
    decorators = [ast.unparse(d) for d in function.decorator_list]
    if any(
        d.endswith(("overload", ".setter")) or ".command" in d or ".callback" in d
        for d in decorators
    ):
        return True
    first = [ast.unparse(arg.annotation) for arg in parameters(function)[:1] if arg.annotation]
    return first == ["typer.Context"]


def public_functions(file: Path) -> list[tuple[str, Function]]:
    found: list[tuple[str, Function]] = []
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, Function):
            found.append((node.name, node))
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            bases = {ast.unparse(base).partition("[")[0] for base in node.bases}
            if not bases & {"Protocol", "TypedDict"}:
                methods = [m for m in node.body if isinstance(m, Function)]
                found += [(f"{node.name}.{method.name}", method) for method in methods]
    return [(n, f) for n, f in found if not f.name.startswith("_") and not is_exempt(f)]


def described(text: str) -> set[str]:
    """Names in the section of parameters that have a line of text below them."""
    section = re.search(
        r"^Parameters\n-{10}\n(.*?)(?=\n\n\w[^\n]*\n---|\Z)", text, re.DOTALL | re.M
    )
    if section is None:
        return set()
    heads = re.findall(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: : .*)?\n {4,}\S", section[1], re.M)
    return {name.strip().lstrip("*") for head in heads for name in head.split(",")}


@pytest.mark.parametrize("room", PLACES)
def test_every_function_and_method_describes_its_parameters(room):
    place = SOURCE / room
    bare = []
    for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
        for name, function in public_functions(file):
            wanted = {arg.arg for arg in parameters(function)}
            missing = wanted - described(ast.get_docstring(function) or "")
            if missing:
                bare.append(
                    f"{file.relative_to(SOURCE)}: {name} lacks {', '.join(sorted(missing))}"
                )
    assert not bare, "\n".join(bare)


def fields_of(node: ast.ClassDef) -> set[str]:
    """What a class is made of: arguments of its own ``__init__``, or fields of a dataclass."""
    for method in node.body:
        if isinstance(method, Function) and method.name == "__init__":
            return {arg.arg for arg in parameters(method)}
    made = [ast.unparse(d) for d in (*node.decorator_list, *node.bases)]
    if not any("dataclass" in text or text == "NamedTuple" for text in made):
        return set()
    return {
        field.target.id
        for field in node.body
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and not field.target.id.startswith("_")
        and "ClassVar" not in ast.unparse(field.annotation)
        and not (field.value is not None and "init=False" in ast.unparse(field.value))
    }


def named_fields(node: ast.ClassDef) -> set[str]:
    """Names in the class's docstring, and those with a docstring of their own below them."""
    text = ast.get_docstring(node) or ""
    heads = re.findall(r"^(\w+(?:, \w+)*)(?: : .*)?$", text, re.M)
    found = {name.strip() for head in heads for name in head.split(",")}
    for field, below in pairwise(node.body):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
            found.add(ast.unparse(field.target))
    return found


@pytest.mark.parametrize("room", PLACES)
def test_every_class_names_what_it_is_made_of(room):
    place = SOURCE / room
    bare = []
    for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
        for node in ast.parse(file.read_text("utf-8")).body:
            if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
                continue
            bases = {ast.unparse(base).partition("[")[0] for base in node.bases}
            missing = fields_of(node) - named_fields(node)
            if missing and not bases & {"Protocol", "TypedDict"}:
                bare.append(
                    f"{file.relative_to(SOURCE)}: {node.name} lacks {', '.join(sorted(missing))}"
                )
    assert not bare, "\n".join(bare)


def test_no_two_classes_share_a_name():
    homes: dict[str, list[str]] = {}
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(str(file.relative_to(SOURCE)))
    twice = {name: files for name, files in homes.items() if len(files) > 1}
    assert not twice, "\n".join(f"{name}: {', '.join(files)}" for name, files in twice.items())


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        dialin.nonsense  # noqa: B018


def test_import_loads_nothing_heavy():
    code = f"import dialin, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr


def test_the_program_itself_loads_no_host():
    code = (
        "import sys, dialin, dialin.cli, dialin.matching, dialin.rendering, dialin.effects;"
        "print([m for m in ('pedalboard', 'dawdreamer') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr


def test_workers_start_before_scipy_is_there():
    """It takes a third of a second, in which they could have started."""
    code = (
        "import sys\n"
        "from dialin.rendering import RenderPool\n"
        "with RenderPool(1) as pool:\n    pool.warm_up('dialin.errors')\n"
        "print([m for m in ('scipy', 'dialin.audio', 'dialin.effects') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr
