"""Plots as small SVG files that are the same bytes for the same figures."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

OURS, OTHERS = "#1f6f8b", "#b9c4cb"
COLOURS = ("#1f6f8b", "#d1495b", "#edae49", "#66a182", "#8d6a9f", "#5c5c5c")


def _axes(width: float, height: float) -> tuple[Any, Any]:
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.use("svg")
    matplotlib.rcParams.update(
        {
            "svg.hashsalt": "interlingua",
            "svg.fonttype": "none",
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    figure, axes = pyplot.subplots(figsize=(width, height), layout="constrained")
    return figure, axes


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    importlib.import_module("matplotlib.pyplot").close(figure)


def bars(path: Path, title: str, unit: str, figures: Sequence[tuple[str, float]]) -> None:
    """One horizontal bar each, on a logarithmic scale; ours in the stronger colour."""
    figure, axes = _axes(7, 0.6 + 0.32 * len(figures))
    names = [name for name, _ in figures][::-1]
    values = [value for _, value in figures][::-1]
    colours = [OURS if name.startswith("interlingua") else OTHERS for name in names]
    drawn = axes.barh(names, values, color=colours)
    axes.bar_label(drawn, labels=[f"{value:,.0f}" if value >= 10 else f"{value:.2f}" for value in values], padding=3)
    axes.set_xscale("log")
    axes.set_xlim(right=max(values) * 4)
    axes.set_title(f"{title} ({unit}, logarithmic)", loc="left")
    _save(figure, path)


def curve(
    path: Path,
    title: str,
    x_name: str,
    y_name: str,
    lines: Mapping[str, Sequence[tuple[float, float]]],
    *,
    scales: tuple[str, str] = ("log", "log"),
) -> None:
    """One line each through measured points."""
    figure, axes = _axes(7, 3.2)
    for colour, (name, points) in zip(COLOURS, lines.items(), strict=False):
        axes.plot([x for x, _ in points], [y for _, y in points], marker="o", markersize=3, label=name, color=colour)
    axes.set_xscale(scales[0])
    axes.set_yscale(scales[1])
    if scales[1] == "linear":
        axes.set_ylim(bottom=0)
    axes.set_xlabel(x_name)
    axes.set_ylabel(y_name)
    axes.set_title(title, loc="left")
    axes.grid(visible=True, alpha=0.25)
    if len(lines) > 1:
        axes.legend(frameon=False)
    _save(figure, path)
