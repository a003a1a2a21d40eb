"""Tables of a comparison: networks in rows, metrics in columns, as Markdown, LaTeX and CSV."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from infnet_monai.metrics import Metric

__all__ = ["Cell", "ComparisonRow", "ComparisonTable", "Estimate", "rows_as_frame"]

TEXT_HEADINGS = ("Network", "Source", "Encoder weights")
DIGITS = 3
NO_VALUE = "–"
LATEX_CHARACTERS = str.maketrans(
    {**{character: f"\\{character}" for character in "_%&#$"}, "\\": r"\textbackslash{}", "±": r"$\pm$", NO_VALUE: "--"}
)


@dataclass(frozen=True)
class Estimate:
    """A value of a metric, NaN where undefined, and its standard deviation over the runs where there are several."""

    mean: float
    spread: float | None = None

    def __str__(self) -> str:
        if math.isnan(self.mean):
            return NO_VALUE
        return f"{self.mean:.{DIGITS}f}" + ("" if self.spread is None else f" ± {self.spread:.{DIGITS}f}")


@dataclass(frozen=True)
class ComparisonRow:
    """A network's row.

    Args:
        network: Name of the network.
        source: Who measured it, e.g. "here" or "Fan et al. (2020)".
        metrics: Values by the metrics' columns; a metric without a value is not known.
        encoder_weights: What its encoder started from.
        ranked: Whether it takes part in what is best.
    """

    network: str
    source: str
    metrics: Mapping[str, Estimate]
    encoder_weights: str = ""
    ranked: bool = True


@dataclass(frozen=True)
class Cell:
    """Text of a table's cell, and whether it is the best of its column."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class ComparisonTable:
    """A table of some of the rows' metrics.

    Args:
        caption: What the metrics are.
        columns: Metrics from left to right.
        rows: Rows from top to bottom.
    """

    caption: str
    columns: Sequence[Metric]
    rows: Sequence[ComparisonRow]

    @property
    def headings(self) -> list[str]:
        """Headings of all columns, those of text first."""
        return [*TEXT_HEADINGS, *(metric.title for metric in self.columns)]

    def cells(self) -> list[list[Cell]]:
        """Return the cells below the headings, row by row; best are all that print as the best value."""
        best = {metric.column: self._best(metric) for metric in self.columns}
        return [
            [
                *(Cell(text) for text in (row.network, row.source, row.encoder_weights)),
                *(
                    Cell(str(value), row.ranked and round(value.mean, DIGITS) == best[column])
                    for column, value in ((metric.column, _value(row, metric)) for metric in self.columns)
                ),
            ]
            for row in self.rows
        ]

    def _best(self, metric: Metric) -> float | None:
        means = [round(_value(row, metric).mean, DIGITS) for row in self.rows if row.ranked]
        defined = [mean for mean in means if not math.isnan(mean)]
        return (min if metric.lower_is_better else max)(defined, default=None)

    def markdown(self) -> str:
        """Return the table as Markdown, its caption above."""
        alignments = ["---"] * len(TEXT_HEADINGS) + ["--:"] * len(self.columns)
        rows = [[f"**{cell.text}**" if cell.best else cell.text for cell in row] for row in self.cells()]
        lines = [f"| {' | '.join(row)} |" for row in (self.headings, alignments, *rows)]
        return "\n".join([self.caption, "", *lines, ""])

    def latex(self) -> str:
        """Return the table as a LaTeX ``table`` environment that needs no package."""
        rows = [
            [rf"\textbf{{{_escape(cell.text)}}}" if cell.best else _escape(cell.text) for cell in row]
            for row in self.cells()
        ]
        head = [" & ".join(map(_escape, self.headings)) + r" \\"]
        body = [" & ".join(row) + r" \\" for row in rows]
        alignment = "l" * len(TEXT_HEADINGS) + "r" * len(self.columns)
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
    """Put all metrics of the rows into a table at full precision, ``NAME`` and ``NAME_std``; NaN where a row has none.

    Args:
        rows: Rows from top to bottom.
    """
    return pd.DataFrame(
        {
            "network": row.network,
            "source": row.source,
            "encoder_weights": row.encoder_weights,
            **{
                key: value
                for name, estimate in row.metrics.items()
                for key, value in ((name, estimate.mean), (f"{name}_std", estimate.spread))
            },
        }
        for row in rows
    )


def _value(row: ComparisonRow, metric: Metric) -> Estimate:
    return row.metrics.get(metric.column, Estimate(math.nan))


def _escape(text: str) -> str:
    return text.translate(LATEX_CHARACTERS)
