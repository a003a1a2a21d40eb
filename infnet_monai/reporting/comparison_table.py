"""Tables of a comparison: networks in rows, figures in columns, as Markdown, LaTeX and CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

__all__ = ["Cell", "ComparisonRow", "ComparisonTable", "Estimate", "rows_as_frame"]

LOWER_IS_BETTER = ("mae", "mae_unscaled")
DIGITS = 3
LATEX_CHARACTERS = str.maketrans(
    {**{character: f"\\{character}" for character in "_%&#$"}, "\\": r"\textbackslash{}", "±": r"$\pm$"}
)


@dataclass(frozen=True)
class Estimate:
    """A figure, and its standard deviation over the runs where there are several."""

    mean: float
    spread: float | None = None

    def __str__(self) -> str:
        return f"{self.mean:.{DIGITS}f}" + ("" if self.spread is None else f" ± {self.spread:.{DIGITS}f}")


@dataclass(frozen=True)
class ComparisonRow:
    """A network's row.

    Args:
        network: Its name.
        source: Who measured it, e.g. "here" or "report".
        figures: By name.
        encoder_weights: What its encoder started from.
        ranked: Whether it takes part in what is best.
    """

    network: str
    source: str
    figures: Mapping[str, Estimate]
    encoder_weights: str = ""
    ranked: bool = True


@dataclass(frozen=True)
class Cell:
    """Text of a table's cell, and whether it is the best of its column."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class ComparisonTable:
    """A table of some of the rows' figures.

    Args:
        caption: What the figures are.
        columns: Names of figures by heading.
        rows: From top to bottom.
    """

    caption: str
    columns: Mapping[str, str]
    rows: Sequence[ComparisonRow]

    @property
    def headings(self) -> list[str]:
        """Headings of all columns."""
        return ["Network", "Source", "Encoder weights", *self.columns]

    def cells(self) -> list[list[Cell]]:
        """The cells below the headings, row by row; best are all that print as the best value."""
        best = {name: self._best(name) for name in self.columns.values()}
        return [
            [
                *(Cell(text) for text in (row.network, row.source, row.encoder_weights)),
                *(
                    Cell(str(row.figures[name]), row.ranked and round(row.figures[name].mean, DIGITS) == best[name])
                    for name in self.columns.values()
                ),
            ]
            for row in self.rows
        ]

    def _best(self, name: str) -> float | None:
        means = [round(row.figures[name].mean, DIGITS) for row in self.rows if row.ranked]
        return (min if name in LOWER_IS_BETTER else max)(means, default=None)

    def markdown(self) -> str:
        """The table as Markdown, its caption above."""
        alignments = ["---" if heading not in self.columns else "--:" for heading in self.headings]
        rows = [[f"**{cell.text}**" if cell.best else cell.text for cell in row] for row in self.cells()]
        lines = [f"| {' | '.join(row)} |" for row in (self.headings, alignments, *rows)]
        return "\n".join([self.caption, "", *lines, ""])

    def latex(self) -> str:
        """The table as a LaTeX ``table`` environment that needs no package."""
        rows = [
            [rf"\textbf{{{_escape(cell.text)}}}" if cell.best else _escape(cell.text) for cell in row]
            for row in self.cells()
        ]
        head = [" & ".join(map(_escape, self.headings)) + r" \\"]
        body = [" & ".join(row) + r" \\" for row in rows]
        alignment = "l" * (len(self.headings) - len(self.columns)) + "r" * len(self.columns)
        return "\n".join(
            [
                r"\begin{table}",
                rf"\caption{{{_escape(self.caption)}}}",
                rf"\begin{{tabular}}{{{alignment}}}",
                *(r"\hline", *head, r"\hline", *body, r"\hline"),
                r"\end{tabular}",
                r"\end{table}",
                "",
            ]
        )


def rows_as_frame(rows: Sequence[ComparisonRow]) -> pd.DataFrame:
    """All figures of the rows at full precision, ``NAME`` and ``NAME_std``; empty where a row has none."""
    return pd.DataFrame(
        {
            "network": row.network,
            "source": row.source,
            "encoder_weights": row.encoder_weights,
            **{
                key: value
                for name, estimate in row.figures.items()
                for key, value in ((name, estimate.mean), (f"{name}_std", estimate.spread))
            },
        }
        for row in rows
    )


def _escape(text: str) -> str:
    return text.translate(LATEX_CHARACTERS)
