"""`python -m gear.data`: what is built in, what a property looks like, and its table as a file."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from gear.data import CONTROL_PAIRS, PAIRS, PROPERTIES, load_property
from gear.data.cache import replace_file
from gear.errors import InputDataError, user_command

BINS, BAR = 20, 50  # of the histogram
DISAGREEMENTS = 10


@user_command
def main() -> int:
    """The built-in properties and pairs."""
    parser = argparse.ArgumentParser(prog="python -m gear.data", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    show = commands.add_parser("show", help="histogram of a property and where its sources disagree most")
    export = commands.add_parser("export", help="write a property's table with its provenance")
    for command in (show, export):
        command.add_argument("property", metavar="CODE")
    export.add_argument("file", type=Path, metavar="FILE", help=".parquet or .csv")
    args = parser.parse_args()
    if args.command == "show":
        print("\n".join(_shown(args.property)))
    elif args.command == "export":
        _export(args.property, args.file)
    else:
        print("\n".join(_listed()))
    return 0


def _listed() -> Sequence[str]:
    sizes = {code: len(load_property(code)) for code in PROPERTIES}
    lines = [f"{'code':5} {'molecules':>9}  {'unit':9} {'models see':11} property"]
    for code, spec in PROPERTIES.items():
        seen = "logarithm" if spec.log10 else "value"
        lines.append(f"{code:5} {sizes[code]:9,}  {spec.unit:9} {seen:11} {spec.name}")
    lines += ["", f"{'pair':12} {'target':>7} {'source':>7}"]
    for pair in (*PAIRS, *CONTROL_PAIRS):
        target, source = pair.split("_from_")
        note = "   (control)" if pair in CONTROL_PAIRS else ""
        lines.append(f"{pair:12} {sizes[target]:7,} {sizes[source]:7,}{note}")
    return lines


def _shown(code: str) -> Sequence[str]:
    """A property's histogram, as a model sees it, and the molecules whose sources are furthest apart."""
    table, spec = load_property(code), PROPERTIES[code]
    columns = table.to_pydict()
    seen = np.log10(columns["value"]) if spec.log10 else np.array(columns["value"])
    counts, edges = np.histogram(seen, bins=BINS)
    scale = BAR / counts.max()
    lines = [f"{code}: {spec.name}, {len(table):,} molecules, {'log10 of ' if spec.log10 else ''}{spec.unit}"]
    for count, low, high in zip(counts, edges, edges[1:], strict=False):
        lines.append(f"{low:10.4g} to {high:10.4g} {count:6,} {'#' * round(count * scale)}")
    lines += ["", f"sources furthest apart ({spec.unit})"]
    for row in np.argsort(columns["spread"])[::-1][:DISAGREEMENTS]:
        value, spread, names = columns["value"][row], columns["spread"][row], columns["sources"][row]
        lines.append(f"{value:10.4g}  spread {spread:10.4g}  {columns['smiles'][row]}  ({names})")
    return lines


def _export(code: str, path: Path) -> None:
    """Write a property's table; the file's name says in which format."""
    table: pa.Table = load_property(code)
    writers: dict[str, Callable[[pa.Table, Path], object]] = {
        ".parquet": pyarrow.parquet.write_table,
        ".csv": pyarrow.csv.write_csv,
    }
    if path.suffix not in writers:
        raise InputDataError(f"{path}: name a file that ends in {' or '.join(writers)}")
    replace_file(path, lambda draft: writers[path.suffix](table, draft))
    print(f"{len(table):,} molecules: {path}")


if __name__ == "__main__":
    sys.exit(main())
