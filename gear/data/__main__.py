"""`python -m gear.data`: list the built-in properties, show one, export it; show a split; check a user's file."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from gear.config import TaskSpec
from gear.data.builtin.tables import load_property
from gear.data.cache import replace_file
from gear.data.pairs import load_pair
from gear.data.plot import plot_property
from gear.data.report import counts_tables, file_lines, list_lines, property_lines, split_lines
from gear.data.split_table import split_table
from gear.data.user_files.task_file import read_task
from gear.errors import InputDataError, user_command


@user_command
def main() -> int:
    """Built-in properties and pairs, splits, and files of your own. Without a command: list what is built in."""
    args = _parser().parse_args()
    lines: list[str] = args.run(args) if args.command else list_lines()
    print("\n".join(lines))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gear.data", description=main.__doc__)
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    show = commands.add_parser(
        "show", help="how a property was cleaned, its histogram, the largest disagreements of its sources"
    )
    show.add_argument("property", metavar="CODE")
    show.add_argument(
        "--plot", nargs="?", type=Path, const=Path(), metavar="FILE", help="also write a plot (default: CODE.png)"
    )
    show.set_defaults(run=_show)

    export = commands.add_parser("export", help="write a property's table with the sources of every value")
    export.add_argument("property", metavar="CODE")
    export.add_argument("file", type=Path, metavar="FILE", help=".parquet or .csv")
    export.set_defaults(run=_export)

    counts = commands.add_parser("counts", help="what cleaning did to every property, as Markdown")
    counts.set_defaults(run=lambda _: counts_tables())

    split = commands.add_parser("split", help="sizes and hash of a split, and its molecules as a file")
    split.add_argument("pair", metavar="PAIR")
    split.add_argument("split", metavar="SPLIT")
    split.add_argument("--seed", type=int, default=0, metavar="N")
    split.add_argument("--out", type=Path, metavar="FILE", help=".parquet or .csv")
    split.set_defaults(run=_split)

    check = commands.add_parser("check", help="read a file of yours and report what it holds")
    check.add_argument("file", type=Path, metavar="FILE")
    check.add_argument("--column", required=True, metavar="NAME", help="of the values")
    check.add_argument("--smiles-column", default="smiles", metavar="NAME")
    check.add_argument("--split-column", metavar="NAME")
    check.add_argument("--log", action="store_true", help="models learn the logarithm")
    check.add_argument("--drop-bad-rows", action="store_true")
    check.set_defaults(run=_check)
    return parser


def _show(args: argparse.Namespace) -> list[str]:
    lines = property_lines(args.property)
    if args.plot is None:
        return lines
    path = args.plot if args.plot.name else Path(f"{args.property}.png")
    plot_property(args.property, path)
    return [*lines, "", f"plot: {path}"]


def _export(args: argparse.Namespace) -> list[str]:
    table = load_property(args.property)
    _write(table, args.file)
    return [f"{len(table):,} molecules: {args.file}"]


def _split(args: argparse.Namespace) -> list[str]:
    pair = load_pair(args.pair, args.split, args.seed)
    if args.out is None:
        return split_lines(pair)
    _write(split_table(pair), args.out)
    return [*split_lines(pair), f"molecules of all parts: {args.out}"]


def _check(args: argparse.Namespace) -> list[str]:
    spec = TaskSpec(
        "checked",
        file=str(args.file),
        column=args.column,
        smiles_column=args.smiles_column,
        log10=args.log,
        split_column=args.split_column,
        drop_bad_rows=args.drop_bad_rows,
    )
    return file_lines(str(args.file), read_task(spec), log10=args.log)


def _write(table: pa.Table, path: Path) -> None:
    """Write a table; the file's name says in which format."""
    writers: dict[str, Callable[[pa.Table, Path], object]] = {
        ".parquet": pyarrow.parquet.write_table,
        ".csv": pyarrow.csv.write_csv,
    }
    if path.suffix not in writers:
        raise InputDataError(f"{path}: name a file that ends in {' or '.join(writers)}")
    replace_file(path, lambda draft: writers[path.suffix](table, draft))


if __name__ == "__main__":
    sys.exit(main())
