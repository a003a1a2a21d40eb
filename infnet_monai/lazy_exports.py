"""Names that a package offers without importing the modules that define them: they are imported at their first use."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["import_at_first_use"]


def import_at_first_use(package: str) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package, by which importing one of its modules does not import all the others.

    The names are those that its ``__init__.py`` imports under ``if TYPE_CHECKING:``, where type checkers and editors
    find them as well, so that there is one list of them. None may be the name of a module of the package, which would
    take its place.

    Args:
        package: Name of the package, its ``__name__``.

    Returns:
        A function from a name to what it means; an AttributeError where the package offers no such name.

    Source:
        PEP 562, Module __getattr__ and __dir__.

    Example:
        >>> import_at_first_use("infnet_monai.scans")("ScanSource").__module__
        'infnet_monai.scans.source'
    """

    @cache
    def origins() -> dict[str, str]:
        return _type_checking_imports(Path(sys.modules[package].__file__ or ""))

    def get(name: str) -> Any:
        if name.startswith("__") or name not in origins():
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(origins()[name]), name)
        setattr(sys.modules[package], name, value)  # found directly from now on
        return value

    return get


def _type_checking_imports(path: Path) -> dict[str, str]:
    """Return the module of each name that a file imports under ``if TYPE_CHECKING:``."""
    import ast  # seldom needed: commands import from modules

    found: dict[str, str] = {}
    for block in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING":
            for line in block.body:
                if isinstance(line, ast.ImportFrom) and line.module:
                    found |= {alias.name: line.module for alias in line.names}
    return found
