"""`gear-search data`: what is built in, what a property, a split or a user's file looks like, tables as files."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gear.command_line import Parser, at_least, make_parser
from gear.config import TaskSpec
from gear.errors import InputDataError, user_command

if TYPE_CHECKING:
    import pyarrow as pa

# What the commands need is imported by each: RDKit, pyarrow and pandas take a second.

__all__ = ["command_parser", "main"]


@user_command
def main() -> int:
    """Built-in properties and pairs, splits, and files of your own. Without a command: list what is built in."""
    args = command_parser().parse_args()
    lines: list[str] = args.run(args)
    print("\n".join(lines))
    return 0


def command_parser() -> Parser:
    """The command line."""
    parser = make_parser("gear.data", main.__doc__)
    parser.set_defaults(run=_list)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_built_in(commands)
    _add_sources(commands)
    _add_check(commands)
    return parser


def _add_built_in(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Commands about built-in properties and pairs."""
    show = commands.add_parser(
        "show", help="how a property was cleaned, its histogram, and where its databases disagree most"
    )
    show.add_argument("property", metavar="CODE", help="a built-in property")
    show.add_argument(
        "--plot", nargs="?", type=Path, const=Path(), metavar="FILE", help="also draw the histogram (default: CODE.png)"
    )
    show.set_defaults(run=_show)

    export = commands.add_parser("export", help="write a property's table with its provenance")
    export.add_argument("property", metavar="CODE", help="a built-in property")
    export.add_argument("file", type=Path, metavar="FILE", help="the file to write: NAME.parquet or NAME.csv")
    export.set_defaults(run=_export)

    counts = commands.add_parser("counts", help="what cleaning did to every property, as Markdown")
    counts.set_defaults(run=_counts)

    split = commands.add_parser("split", help="sizes and hash of a split; with --out, its molecules as a file")
    split.add_argument("pair", metavar="PAIR", help="for instance hv_from_ds")
    split.add_argument("split", metavar="SPLIT", help="for instance random or scaffold")
    split.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the split (default: 0)")
    split.add_argument("--out", type=Path, metavar="FILE", help="write all molecules to NAME.parquet or NAME.csv")
    split.set_defaults(run=_split)


def _add_sources(commands: "argparse._SubParsersAction[Parser]") -> None:
    """The command that ranks sources."""
    sources = commands.add_parser("sources", help="which sources help a target, by a quick probe of each")
    what = sources.add_mutually_exclusive_group(required=True)
    what.add_argument("target", nargs="?", metavar="CODE", help="a built-in property")
    what.add_argument("--target-data", type=Path, metavar="FILE", help="a table of your own: CSV, TSV or Parquet")
    sources.add_argument("--target-column", metavar="NAME", help="its column of values")
    sources.add_argument("--target-log", action="store_true", help="models learn the logarithm of its values")
    sources.add_argument("--source-data", type=Path, metavar="FILE", help="a table of other candidates of your own")
    sources.add_argument("--source-column", nargs="+", default=[], metavar="NAME", help="its columns of values")
    sources.add_argument("--labels", type=at_least(1), metavar="N", help="ask what helps with N labels (default: all)")
    sources.add_argument("--split", help="split of the target (default: random)")
    sources.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the split (default: 0)")
    _add_reading(sources)
    sources.set_defaults(run=_sources)


def _add_reading(parser: Parser) -> None:
    """Flags of how a file of a user's own is read."""
    parser.add_argument(
        "--smiles-column", default="smiles", metavar="NAME", help="the column of SMILES (default: smiles)"
    )
    parser.add_argument(
        "--split-column", metavar="NAME", help="the column that assigns rows to train, validation or test"
    )
    parser.add_argument("--drop-bad-rows", action="store_true", help="leave out rows that cannot be used")
    parser.add_argument(
        "--censored",
        choices=["drop", "bound", "learn"],
        default="refuse",
        help="values such as <0.5: left out, taken as 0.5, or learnt as bounds (default: such rows are bad)",
    )


def _add_check(commands: "argparse._SubParsersAction[Parser]") -> None:
    """The command that reads a user's file."""
    check = commands.add_parser("check", help="read a file of your own and report what is in it")
    check.add_argument("file", type=Path, metavar="FILE", help="CSV, TSV or Parquet, plain or gzip")
    check.add_argument("--column", required=True, metavar="NAME", help="the column of values")
    check.add_argument(
        "--features", nargs="+", default=[], metavar="NAME", help="numeric columns that models read beside the molecule"
    )
    check.add_argument("--log", action="store_true", help="models learn the logarithm of the values")
    _add_reading(check)
    check.set_defaults(run=_check)


def _list(_: argparse.Namespace) -> list[str]:
    from gear.data.report import list_lines

    return list_lines()


def _counts(_: argparse.Namespace) -> list[str]:
    from gear.data.report import counts_tables

    return counts_tables()


def _show(args: argparse.Namespace) -> list[str]:
    from gear.data.plot import plot_property
    from gear.data.report import property_lines

    lines = property_lines(args.property)
    if args.plot is None:
        return lines
    path = args.plot if args.plot.name else Path(f"{args.property}.png")
    plot_property(args.property, path)
    return [*lines, "", f"plot: {path}"]


def _export(args: argparse.Namespace) -> list[str]:
    from gear.data.builtin.tables import load_property

    table = load_property(args.property)
    _write(table, args.file)
    return [f"{len(table):,} molecules: {args.file}"]


def _split(args: argparse.Namespace) -> list[str]:
    from gear.data.pairs import load_pair
    from gear.data.report import split_lines
    from gear.data.split_table import split_table

    pair = load_pair(args.pair, args.split, args.seed)
    if args.out is None:
        return split_lines(pair)
    _write(split_table(pair), args.out)
    return [*split_lines(pair), f"molecules of all parts: {args.out}"]


def _sources(args: argparse.Namespace) -> list[str]:
    from gear.data.pair_names import parse_pair
    from gear.data.splits.split_name import with_modifiers
    from gear.evaluation.source_ranking import built_in_candidates, rank_sources
    from gear.evaluation.source_table import Asked, source_lines

    if args.target is not None:
        target = parse_pair(args.target).target
    elif args.target_column is None:
        raise InputDataError("--target-data needs --target-column, the name of the column of values")
    else:
        target = _own_task(args, args.target_data, args.target_column, args.split_column, log10=args.target_log)
    if bool(args.source_column) != (args.source_data is not None):
        raise InputDataError("--source-data and --source-column belong together: give both")
    own = [_own_task(args, args.source_data, column, log10=False) for column in args.source_column]
    split = with_modifiers(args.split or "random", labels=args.labels)
    ranked = rank_sources(target, [*own, *built_in_candidates(target)], split, args.seed, _say_progress)
    return source_lines(Asked(target, args.split, args.seed, args.labels), ranked)


def _own_task(
    args: argparse.Namespace, file: Path, column: str, split_column: str | None = None, *, log10: bool
) -> TaskSpec:
    return TaskSpec(
        column,
        file=str(file),
        column=column,
        smiles_column=args.smiles_column,
        log10=log10,
        split_column=split_column,
        drop_bad_rows=args.drop_bad_rows,
        censored=args.censored,
    )


def _say_progress(source: str) -> None:
    if sys.stderr.isatty():  # a line that the next one overwrites
        print(f"\x1b[Kprobing {source} ...", end="\r", file=sys.stderr)


def _check(args: argparse.Namespace) -> list[str]:
    from gear.data.report import file_lines
    from gear.data.user_files.task_file import read_task

    spec = TaskSpec(
        "checked",
        file=str(args.file),
        column=args.column,
        smiles_column=args.smiles_column,
        log10=args.log,
        split_column=args.split_column,
        drop_bad_rows=args.drop_bad_rows,
        features=tuple(args.features),
        censored=args.censored,
    )
    return file_lines(str(args.file), read_task(spec), spec)


def _write(table: "pa.Table", path: Path) -> None:
    """Write a table; the file's name says in which format."""
    import pyarrow.csv
    import pyarrow.parquet

    from gear.data.cache import replace_file

    writers: dict[str, Callable[[pa.Table, Path], object]] = {
        ".parquet": pyarrow.parquet.write_table,
        ".csv": pyarrow.csv.write_csv,
    }
    if path.suffix not in writers:
        raise InputDataError(f"{path}: name a file that ends in {' or '.join(writers)}")
    replace_file(path, lambda draft: writers[path.suffix](table, draft))


if __name__ == "__main__":
    sys.exit(main())
