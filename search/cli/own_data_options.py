"""The flags that make a pair of a user's own tables, and the pair they ask for."""

import argparse
import re
from pathlib import Path

from gear.config import PairSpec, TaskSpec
from gear.data.builtin.properties import get_property
from gear.errors import InputDataError

__all__ = ["FIXED", "add_own_data", "own_pair"]

FIXED = ("target_data", "source_data", "source_property", "split_column")  # part of what a campaign is


def add_own_data(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    group = parser.add_argument_group("a pair of your own (CSV, TSV or Parquet with a SMILES column, or gzip of it)")
    group.add_argument("--target-data", type=Path, metavar="FILE")
    group.add_argument("--target-column", metavar="NAME", help="of the values")
    group.add_argument("--source-data", type=Path, nargs="+", metavar="FILE", help="one for all columns, or one each")
    group.add_argument("--source-column", nargs="+", metavar="NAME", help="of the values; several are several sources")
    group.add_argument("--source-property", nargs="+", default=[], metavar="CODE", help="built-in sources")
    for task in ("target", "source"):
        group.add_argument(f"--{task}-unit", default="", metavar="UNIT")
        group.add_argument(f"--{task}-log", action="store_true", help="learn the logarithm of the values")
        group.add_argument(f"--{task}-smiles-column", metavar="NAME", help="default: --smiles-column")
    group.add_argument("--smiles-column", default="smiles", metavar="NAME")
    group.add_argument("--split-column", metavar="NAME", help="of the target's file: train, validation or test a row")
    group.add_argument("--drop-bad-rows", action="store_true", help="leave rows out that cannot be used")


def own_pair(args: argparse.Namespace) -> list[PairSpec]:
    """The pair, or nothing if the flags ask for none.

    Raises:
        InputDataError: flags are missing, do not fit together, or no names can be made of the columns.
        UnknownNameError: a source that is no built-in property.
    """
    needed = {"--target-data": args.target_data, "--target-column": args.target_column}
    if args.source_data or args.source_column or not args.source_property:
        needed |= {"--source-data": args.source_data, "--source-column": args.source_column}
    missing = [flag for flag, value in needed.items() if value is None]
    if len(missing) == len(needed):
        return []
    if missing:
        raise InputDataError(f"a pair of your own needs {', '.join(needed)}: {missing[0]} is missing")
    files = [args.target_data, *_source_files(args)]
    columns = [args.target_column, *(args.source_column or [])]
    names = _names(files, columns)
    target, *sources = (
        _task(args, "source" if index else "target", name, file, column)
        for index, (name, file, column) in enumerate(zip(names, files, columns, strict=True))
    )
    built_in = (TaskSpec(get_property(code).code) for code in args.source_property)
    return [PairSpec(target, (*sources, *built_in))]


def _source_files(args: argparse.Namespace) -> list[Path]:
    files, columns = args.source_data or [], args.source_column or []
    if len(files) == 1:
        return files * len(columns)
    if len(files) != len(columns):
        raise InputDataError(
            f"--source-data names {len(files)} files and --source-column {len(columns)} columns: give one file for all "
            "columns, or one for each"
        )
    return list(files)


def _names(files: list[Path], columns: list[str]) -> list[str]:
    """A name for each task: its column's or, where those repeat, its file's."""
    for texts in (columns, [file.name.partition(".")[0] for file in files]):
        names = [re.sub(r"[^a-z0-9]", "", text.lower()).lstrip("0123456789") for text in texts]
        if all(names) and len(set(names)) == len(names):
            return names
    raise InputDataError(
        f"columns {', '.join(columns)}: no different names with a letter can be made of them or of their files: rename "
        "a column"
    )


def _task(args: argparse.Namespace, role: str, name: str, file: Path, column: str) -> TaskSpec:
    return TaskSpec(
        property=name,
        file=str(file.resolve()),
        column=column,
        smiles_column=getattr(args, f"{role}_smiles_column") or args.smiles_column,
        unit=getattr(args, f"{role}_unit"),
        log10=getattr(args, f"{role}_log"),
        split_column=args.split_column if role == "target" else None,
        drop_bad_rows=args.drop_bad_rows,
    )
