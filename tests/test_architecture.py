"""The house: imports run downwards, modules and functions are of readable size, what is public is documented."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "infnet_monai"
# From the bottom to the top; a room imports from its own layer and from those below.
LAYERS = (
    {"lazy_exports", "errors", "files", "label_scheme", "stage", "run_record", "bundle_folder"},
    {"networks", "losses", "metrics", "scans"},
    {"transforms"},
    {"lungs"},
    {"data"},
    {"phantom", "preparation", "evaluation", "findings"},
    {"reporting", "quality"},
    {"handlers"},
    {"inference"},
    {"training", "follow_up"},
    {"comparison", "semi"},
    {"calibration"},
    {"bundle", "benchmarks", "monai_label", "cli", "federated"},
)
HEIGHT = {room: height for height, layer in enumerate(LAYERS) for room in layer}
NEVER_TOGETHER = {("comparison", "semi"), ("semi", "comparison")}
MAY_BE_TINY = ("__init__.py", "__main__.py")
SHORTEST_MODULE, LONGEST_MODULE, LONGEST_FUNCTION = 30, 400, 45


def modules() -> list[Path]:
    return sorted([*(ROOT / PACKAGE).rglob("*.py"), *(ROOT / "workflows").glob("*.py")])


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room_of(path: Path) -> str | None:
    """First part of a module's name below the package; None for the package itself and the workflows."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == PACKAGE and parts[1] not in ("__init__", "__main__") else None


def imported_rooms(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and room of every import of the package, those inside functions as well."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            names = [f"{PACKAGE}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["." * node.level + (node.module or "")]
        for name in names:
            first, _, rest = name.partition(".")
            if first == PACKAGE and rest.partition(".")[0] in HEIGHT:
                yield node.lineno, rest.partition(".")[0]


@pytest.fixture(scope="module")
def imports() -> dict[tuple[str, str], str]:
    """For every pair of rooms of which one imports the other, a place where it does."""
    found: dict[tuple[str, str], str] = {}
    for path in modules():
        room = room_of(path)
        for line, imported in imported_rooms(ast.parse(path.read_text(encoding="utf-8"))):
            if room is not None and imported != room:
                found.setdefault((room, imported), f"{name_of(path)}:{line}")
    return found


def refuse(offenders: list[str]) -> None:
    """Fail with one line for each offender."""
    if offenders:
        pytest.fail("\n".join(offenders), pytrace=False)


def test_every_room_has_a_layer():
    rooms = {room_of(path) for path in modules()} - {None}
    assert rooms - set(HEIGHT) == set()
    assert set(HEIGHT) - rooms == set()


def test_imports_run_downwards(imports):
    refuse(
        [
            f"room {room} imports {imported} ({place}, which is above it)"
            for (room, imported), place in sorted(imports.items())
            if HEIGHT[imported] > HEIGHT[room]
        ]
    )


def test_rooms_that_stand_side_by_side_stay_apart(imports):
    refuse([f"room {pair[0]} imports {pair[1]} ({imports[pair]})" for pair in NEVER_TOGETHER if pair in imports])


def test_rooms_never_import_each_other_in_a_circle(imports):
    """Rooms that import nothing but rooms already taken away are taken away, until none or a circle is left."""
    below = {room: {imported for importer, imported in imports if importer == room} for room in HEIGHT}
    while free := {room for room, needed in below.items() if not needed & below.keys()}:
        below = {room: needed for room, needed in below.items() if room not in free}
    left = [(room, imports[room, other]) for room, needed in below.items() for other in needed & below.keys()]
    refuse([f"room {room} is in a circle ({place})" for room, place in left])


def test_modules_are_neither_tiny_nor_huge():
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    tiny = [
        f"{name} is a tiny module ({length} lines, at least {SHORTEST_MODULE})"
        for name, length in lengths.items()
        if length < SHORTEST_MODULE and not name.endswith(MAY_BE_TINY) and not name.startswith("workflows/")
    ]
    huge = [
        f"{name} is a huge module ({length} lines, at most {LONGEST_MODULE})"
        for name, length in lengths.items()
        if length > LONGEST_MODULE
    ]
    refuse(tiny + huge)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body: the docstring, and the signature with a command's options, may be as long as they need."""
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return (function.end_lineno or 0) - (first.end_lineno or 0)
    return (function.end_lineno or 0) - first.lineno + 1


def test_functions_are_short():
    refuse(
        [
            f"{name_of(path)}: {function.name} is long (a body of {length} lines, at most {LONGEST_FUNCTION})"
            for path in modules()
            for function in functions(path)
            if (length := lines_of(function)) > LONGEST_FUNCTION
        ]
    )


def public_definitions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Name and node of each public class, function and method."""
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node.body, f"{node.name}.")


def test_public_definitions_have_docstrings_and_return_types():
    offenders = []
    for path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not ast.get_docstring(tree):
            offenders.append(f"{name_of(path)}: the module has no docstring")
        for name, node in public_definitions(tree.body):
            if not ast.get_docstring(node):
                offenders.append(f"{name_of(path)}: {name} has no docstring")
            if not isinstance(node, ast.ClassDef) and node.returns is None:
                offenders.append(f"{name_of(path)}: {name} has no return type")
    refuse(offenders)


def test_imports_inside_functions_are_seen():
    tree = ast.parse(
        "import infnet_monai.data.datalist\ndef f():\n    from infnet_monai import cli\n    import torch\n"
    )
    assert list(imported_rooms(tree)) == [(1, "data"), (3, "cli")]


def test_signature_and_docstring_do_not_count_as_length():
    (function,) = ast.parse('def f(\n    a=1,\n):\n    """One.\n\n    Two.\n    """\n    b = a\n    return b\n').body
    assert lines_of(function) == 2
