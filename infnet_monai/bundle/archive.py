"""A bundle as one archive, as MONAI's model zoo and hub take it, with the code that it needs in ``scripts/``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from infnet_monai.bundle_folder import find_bundle
from infnet_monai.errors import InputError
from infnet_monai.files import atomic_write

__all__ = ["archive_files", "package_bundle"]

PACKAGE = Path(__file__).parents[1]
# Rooms that stand on top, so that no configuration needs them, and what makes the bundles themselves.
LEFT_OUT = ("_bundles", "benchmarks", "cli", "monai_label", "bundle/template", "bundle/weights_notes")
CODE_SUFFIXES = (".py", ".j2", ".typed")
SCRIPTS = '''"""The code of this bundle: ``import scripts`` makes the package beside this file importable."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
'''
IMPORT = "$import scripts"
FIRST_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that ZIP knows: the same content gives the same archive


def package_bundle(
    bundle: str | Path, path: str | Path | None = None, *, weights: str | Path | None = None, overwrite: bool = False
) -> Path:
    """Write a bundle as an archive ``NAME_vVERSION.zip`` with the one folder ``NAME``.

    ``monai.bundle.download`` takes it by its URL, ``monai.bundle.load`` from the folder in which it is unpacked. The
    same content gives the same bytes.

    Args:
        bundle: Name of one of this project's bundles, or path of a bundle's folder.
        path: File to write, ``NAME_vVERSION.zip`` in the current folder by default.
        weights: Plain state dict that becomes ``models/model.pt``; the bundle's own by default.
        overwrite: Whether an existing file is replaced.

    Returns:
        The file, written whole or not at all.

    Raises:
        InputError: There is no such bundle, it has no weights, or the file exists already.
    """
    folder = find_bundle(bundle, "metadata.json")
    files = archive_files(folder, weights)
    version = json.loads(files["configs/metadata.json"])["version"]
    target = Path(path) if path is not None else Path(f"{folder.name}_v{version}.zip")
    if target.exists() and not overwrite:
        raise InputError(f"{target}: exists already; give --overwrite or another --output")
    try:
        with atomic_write(target) as draft, ZipFile(draft, "w") as archive:
            for name, content in sorted(files.items()):
                entry = ZipInfo(f"{folder.name}/{name}", FIRST_DATE)
                entry.create_system, entry.external_attr = 3, 0o644 << 16  # Unix, on every system
                archive.writestr(entry, content, ZIP_DEFLATED)
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror or error}); give another --output") from error
    return target


def archive_files(folder: Path, weights: str | Path | None = None) -> dict[str, bytes]:
    """Return the files of a bundle that runs without this package.

    Args:
        folder: Folder of the bundle.
        weights: File for ``models/model.pt``; the bundle's own by default.

    Returns:
        Content of each file by its path inside the bundle.

    Raises:
        InputError: The bundle has no weights or a ``scripts`` folder, or a file cannot be read.
    """
    if (folder / "scripts").exists():
        raise InputError(f"{folder}: has a scripts folder already; package the bundle that it was made from")
    model = Path(weights) if weights is not None else folder / "models" / "model.pt"
    if not model.is_file():
        raise InputError(
            f"{model}: does not exist, and MONAI loads no bundle without weights; train it or give --weights FILE"
        )
    try:
        files = {name: (folder / name).read_bytes() for name in _bundle_files(folder)}
        files["models/model.pt"] = model.read_bytes()
        for name in files:
            if name.startswith("configs/") and name.endswith(".json"):
                files[name] = _standalone(name, files[name])
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: cannot be read ({error}); give the folder of a whole bundle") from error
    return (
        files
        | {f"scripts/{PACKAGE.name}/{name}": content for name, content in _code().items()}
        | {"scripts/__init__.py": SCRIPTS.encode()}
    )


def _bundle_files(folder: Path) -> list[str]:
    found = [path for part in ("configs", "docs") for path in (folder / part).rglob("*") if path.is_file()]
    found += [folder / name for name in ("LICENSE", "large_files.yml") if (folder / name).is_file()]
    return [path.relative_to(folder).as_posix() for path in found if not path.name.startswith(".")]


def _code() -> dict[str, bytes]:
    names = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*") if path.suffix in CODE_SUFFIXES]
    return {
        name: (PACKAGE / name).read_bytes() for name in names if not name.startswith(tuple(f"{n}/" for n in LEFT_OUT))
    }


def _standalone(name: str, content: bytes) -> bytes:
    """Let a configuration import ``scripts`` first, and the metadata ask for no package that is inside."""
    config = json.loads(content)
    if "imports" in config:
        config["imports"] = [IMPORT, *config["imports"]]
    if os.path.basename(name) == "metadata.json":
        config["required_packages_version"].pop("infnet-monai", None)
    return (json.dumps(config, indent=4, ensure_ascii=False) + "\n").encode()
