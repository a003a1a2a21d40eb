"""Generate the bundles from the one template and a small table of differences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from infnet_monai import __version__
from infnet_monai.networks import get_backbone
from infnet_monai.networks.cost import measure_model

__all__ = ["BUNDLES", "BundleEntry", "outdated_files", "render_bundle", "write_bundle"]

TEMPLATE = Path(__file__).parent / "template"
WEIGHTS_NOTES = Path(__file__).parent / "weights_notes"
LICENSE = Path(__file__).parents[2] / "LICENSE"

# What the template says of weights, for a bundle without a note; a note's head replaces each.
NO_WEIGHTS: dict[str, Any] = {
    "weights_note": "No weights are shipped with this bundle: train it on your data.",
    "weights_licence": "not stated (no weights are shipped)",
    "weights_data": "none: no weights are shipped",
    "training_hardware": "nothing is measured for this bundle, since no weights are shipped",
    "eval_metrics": {},
}


@dataclass(frozen=True)
class BundleEntry:
    """What differs between the bundles.

    Attributes:
        backbone: Registered name of the backbone.
        title: Name of the encoder in prose.
        task: What is distinguished where it is not infection as one class; part of the bundle's name.
        class_names: Names of the lesion classes that its metadata tell of, e.g. to MONAI Label.
    """

    backbone: str
    title: str
    task: str = ""
    class_names: tuple[str, ...] = ("infection",)

    @property
    def name(self) -> str:
        """Name of the bundle and of its folder."""
        return f"infnet_{self.task or self.backbone}"

    @property
    def classes(self) -> str | None:
        """Whose lesion classes the bundle distinguishes: those of its data set, or none."""
        return "@dataset_dir" if self.task else None


BUNDLES = (
    BundleEntry("res2net50", "Res2Net-50 v1b"),
    BundleEntry("iresnet50", "iResNet-50"),
    BundleEntry("resnest50", "ResNeSt-50"),
    BundleEntry("resnet50", "ResNet-50"),
    BundleEntry("resnext50", "ResNeXt-50 32x4d"),
    BundleEntry("vgg16", "VGG-16"),
    BundleEntry("efficientnet_lite0", "EfficientNet-Lite0"),
    BundleEntry(
        "efficientnet_lite0",
        "EfficientNet-Lite0",
        task="ggo_consolidation",
        class_names=("ground glass", "consolidation"),
    ),
)


def render_bundle(entry: BundleEntry) -> dict[str, str]:
    """Render all files of a bundle.

    Args:
        entry: A row of the table of bundles.

    Returns:
        Text of each file by its path inside the bundle.
    """
    backbone, cost = get_backbone(entry.backbone), measure_model(entry.backbone)
    values = {
        "name": entry.name,
        "backbone": entry.backbone,
        "title": f"Inf-Net {entry.title}",
        "classes": entry.classes,
        "class_names": entry.class_names,
        "title_backbone": entry.title,
        "version": __version__,
        "mean": list(backbone.mean),
        "std": list(backbone.std),
        "weights": backbone.weights,
        "licence": backbone.licence,
        "parameters": f"{cost.parameters_m:.1f}",
        "gflop": f"{cost.gflop:.1f}",
        **_weights_values(entry),
    }
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE), undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    files = {
        name: environment.get_template(name).render(values)
        for name in environment.list_templates()
        if not name.endswith(".pyc")
    }
    return files | {"LICENSE": LICENSE.read_text(encoding="utf-8")}


def _weights_values(entry: BundleEntry) -> dict[str, Any]:
    """What is to be known of the weights that come with the bundle: the head (YAML) and the text of their note."""
    path = WEIGHTS_NOTES / f"{entry.task or entry.backbone}.md"
    if not path.is_file():
        return NO_WEIGHTS
    _, head, text = path.read_text(encoding="utf-8").split("---\n", 2)
    values = yaml.safe_load(head)
    if values.keys() != NO_WEIGHTS.keys() - {"weights_note"}:
        raise ValueError(f"{path}: the head must have exactly {sorted(NO_WEIGHTS.keys() - {'weights_note'})}")
    return values | {"weights_note": text.strip()}


def write_bundle(entry: BundleEntry, bundles_dir: str | Path) -> Path:
    """Write a bundle's files; its models and results stay untouched.

    Args:
        entry: A row of the table of bundles.
        bundles_dir: Folder of all bundles.

    Returns:
        The bundle's folder.
    """
    folder = Path(bundles_dir) / entry.name
    for name, text in render_bundle(entry).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def outdated_files(entry: BundleEntry, bundles_dir: str | Path) -> list[Path]:
    """List a bundle's files that are missing or differ from what the template gives.

    Args:
        entry: A row of the table of bundles.
        bundles_dir: Folder of all bundles.
    """
    folder = Path(bundles_dir) / entry.name
    return [
        folder / name
        for name, text in render_bundle(entry).items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]
