"""A plot of a property: its values and the spread of its sources."""

from pathlib import Path

import numpy as np

from gear.data.builtin.properties import PROPERTIES
from gear.data.builtin.tables import load_property
from gear.data.cache import replace_file
from gear.data.report import BINS, seen_by_models
from gear.errors import InputDataError

__all__ = ["plot_property"]


def plot_property(code: str, path: Path) -> None:
    """Draw the histogram of a property's values and the spread of its sources against the value.

    Raises:
        InputDataError: matplotlib is not installed, or does not know the file's format.
        StorageError: the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputDataError("a plot needs matplotlib: pip install matplotlib, or leave out --plot") from error
    spec, table = PROPERTIES[code], load_property(code).to_pydict()
    seen, spread = seen_by_models(code), np.array(table["spread"])
    unit = f"log10 of {spec.unit}" if spec.log10 else spec.unit
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    if path.suffix.lstrip(".") not in figure.canvas.get_supported_filetypes():
        raise InputDataError(f"{path}: name a file that ends in .png, .svg or .pdf")
    left, right = figure.subplots(1, 2)
    left.hist(seen, bins=2 * BINS, color="tab:blue")
    left.set(title=f"{spec.name}\n{len(seen):,} molecules", xlabel=unit, ylabel="molecules")
    several = np.array(table["n_sources"]) > 1
    right.scatter(seen[several], spread[several], s=4, alpha=0.5, color="tab:orange", linewidths=0)
    right.set(
        title=f"spread of the sources\n{several.sum():,} molecules with several",
        xlabel=unit,
        ylabel=f"range of the sources, {spec.unit}",
    )
    right.set_yscale("symlog", linthresh=max(float(np.median(spread[several])) if several.any() else 1.0, 1e-3))
    replace_file(path, lambda draft: figure.savefig(draft, format=path.suffix.lstrip("."), dpi=150))
