"""A comparison as one HTML file: tables, pictures and the state of every run."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from infnet_monai.files import atomic_write
from infnet_monai.reporting.comparison_table import ComparisonTable

__all__ = ["Picture", "RunState", "write_comparison_page"]


@dataclass(frozen=True)
class Picture:
    """A PNG of the page, with the text below it."""

    path: Path
    title: str
    caption: str


@dataclass(frozen=True)
class RunState:
    """State of a run; ``problem`` is empty where it is finished."""

    name: str
    folder: str
    problem: str = ""


def write_comparison_page(
    path: str | Path,
    title: str,
    tables: Sequence[ComparisonTable],
    pictures: Sequence[Picture],
    runs: Sequence[RunState],
    sources: Mapping[str, str],
    facts: Mapping[str, Any],
) -> Path:
    """Write the page; it holds its pictures and needs no network.

    Args:
        path: HTML file to write.
        title: Title of the page.
        tables: Tables from top to bottom.
        pictures: Pictures from top to bottom.
        runs: All runs of the comparison.
        sources: Where the published rows come from, by the name that the tables give to the source.
        facts: Options and versions, shown at the end.

    Returns:
        Path of the file.
    """
    environment = Environment(
        loader=PackageLoader("infnet_monai", "reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("comparison.html.j2").render(
        title=title,
        tables=tables,
        pictures=[(picture, _data_url(picture.path)) for picture in pictures],
        runs=runs,
        failed=sum(bool(run.problem) for run in runs),
        sources=sources,
        facts=facts,
    )
    with atomic_write(path) as draft:
        draft.write_text(html, encoding="utf-8")
    return Path(path)


def _data_url(png: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(png.read_bytes()).decode("ascii")
