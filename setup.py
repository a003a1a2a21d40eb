"""Build step that setup.cfg cannot express: the wheel carries ``bundles/`` as ``infnet_monai/_bundles``.

In the repository the bundles stand beside the package, where ``python -m monai.bundle`` finds them. Of the models only
those go along that the repository ships, which are those with a note in ``infnet_monai/bundle/weights_notes``: models
trained in a working copy stay there.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

BUNDLES = Path("bundles")
NOTES = Path("infnet_monai", "bundle", "weights_notes")
PATTERNS = ("LICENSE", "configs/*.json", "configs/logging.conf", "docs/*")


def shipped_files() -> list[Path]:
    """List the files of all bundles that are shipped; a model that has a note and does not exist is an error."""
    bundles = sorted(path.parents[1] for path in BUNDLES.glob("*/configs/metadata.json"))
    files = [file for bundle in bundles for pattern in PATTERNS for file in sorted(bundle.glob(pattern))]
    models = [BUNDLES / f"infnet_{note.stem}" / "models" / "model.pt" for note in sorted(NOTES.glob("*.md"))]
    if missing := [str(model) for model in models if not model.is_file()]:
        raise FileNotFoundError(f"{', '.join(missing)}: has a note in {NOTES} and is missing; fetch the whole checkout")
    return files + models


class BuildWithBundles(build_py):
    """Copies the bundles into the package; an editable install uses those of the checkout instead."""

    def run(self) -> None:
        """Build the package, then add the bundles."""
        super().run()
        if not getattr(self, "editable_mode", False):
            for source, target in self._targets().items():
                self.mkpath(str(Path(target).parent))
                self.copy_file(source, target, preserve_mode=False)

    def get_source_files(self) -> list[str]:
        """Return what the source distribution needs, the bundles with it."""
        return [*super().get_source_files(), *map(str, shipped_files())]

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Return the built files."""
        added = [] if getattr(self, "editable_mode", False) else self._targets().values()
        return [*super().get_outputs(include_bytecode), *added]

    def _targets(self) -> dict[str, str]:
        folder = Path(self.build_lib, "infnet_monai", "_bundles")
        return {str(file): str(folder / file.relative_to(BUNDLES)) for file in shipped_files()}


setup(cmdclass={"build_py": BuildWithBundles})
