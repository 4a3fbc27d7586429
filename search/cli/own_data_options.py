"""The flags that make a pair of a user's own tables, and the pair they ask for."""

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gear.config import PairSpec, TaskSpec
from gear.data.builtin.properties import get_property
from gear.errors import InputDataError

__all__ = ["OWN_DATA", "add_own_data", "own_pair"]

ROLES = ("target", "source")
AUTO = "auto"
OWN_DATA = (
    "target_data",
    "target_column",
    "source_data",
    "source_column",
    "source_property",
    *(f"{role}_{what}" for role in ROLES for what in ("unit", "log", "smiles_column")),
    "smiles_column",
    "split_column",
    "features",
    "source_features",
    "drop_bad_rows",
    "censored",
)


def add_own_data(parser: argparse.ArgumentParser) -> None:
    """Add the flags; one that is left out is None."""
    group = parser.add_argument_group("a pair of your own tables (CSV, TSV or Parquet, plain or gzip)")
    group.add_argument("--target-data", type=Path, metavar="FILE", help="the table of the target")
    group.add_argument("--target-column", metavar="NAME", help="its column of values")
    group.add_argument(
        "--source-data", type=Path, nargs="+", metavar="FILE", help="a table for all source columns, or one for each"
    )
    group.add_argument("--source-column", nargs="+", metavar="NAME", help="a column of values for each source")
    group.add_argument(
        "--source-property",
        nargs="+",
        metavar="CODE",
        help="built-in properties as sources; auto, which no source means too, takes the one that a quick probe finds "
        "most helpful",
    )
    for role in ROLES:
        group.add_argument(f"--{role}-unit", metavar="UNIT", help=f"unit of the {role}'s values")
        group.add_argument(
            f"--{role}-log", action="store_true", default=None, help=f"learn the logarithm of the {role}'s values"
        )
        group.add_argument(
            f"--{role}-smiles-column", metavar="NAME", help=f"the {role}'s column of SMILES (default: --smiles-column)"
        )
    _add_reading(group)


def _add_reading(group: argparse._ArgumentGroup) -> None:
    """Add the flags that say how all tables are read."""
    group.add_argument("--smiles-column", metavar="NAME", help="the column of SMILES (default: smiles)")
    group.add_argument(
        "--split-column",
        metavar="NAME",
        help="the target's column that assigns rows to train, validation or test, for --splits file",
    )
    group.add_argument(
        "--features",
        nargs="+",
        metavar="NAME",
        help="numeric columns of the tables that models read beside the molecule, such as a temperature",
    )
    group.add_argument(
        "--source-features",
        nargs="*",
        metavar="NAME",
        help="those of them that the sources' tables have, none if no name follows (default: all)",
    )
    group.add_argument(
        "--drop-bad-rows", action="store_true", default=None, help="leave out rows that cannot be used, and list them"
    )
    group.add_argument(
        "--censored",
        choices=["drop", "bound", "learn"],
        help="values such as <0.5 and >100: left out, taken as 0.5 and 100, or learnt as bounds that a prediction may "
        "exceed; left out of validation and test (default: such rows are bad)",
    )


def own_pair(
    args: argparse.Namespace,
    recorded: PairSpec | None = None,
    choose: Callable[[TaskSpec], Sequence[TaskSpec]] = lambda _: (),
) -> list[PairSpec]:
    """The pair that the flags ask for, or nothing where none of them is given.

    Args:
        args: the flags.
        recorded: the pair that the flags may change: one that is left out keeps its value.
        choose: gives the sources of a target where no source, or `auto`, is asked for.

    Raises:
        InputDataError: flags are missing, do not fit together, or no names can be made of the columns.
        UnknownNameError: a source that is no built-in property.
    """
    given = {name: getattr(args, name) for name in OWN_DATA if getattr(args, name) is not None}
    if not given:
        return []
    before = {} if recorded is None else _flags_of(recorded)
    if "smiles_column" in given:
        before = {name: value for name, value in before.items() if not name.endswith("smiles_column")}
    flags = argparse.Namespace(**dict.fromkeys(OWN_DATA) | before | given)
    needed = {"--target-data": flags.target_data, "--target-column": flags.target_column}
    if flags.source_data or flags.source_column:
        needed |= {"--source-data": flags.source_data, "--source-column": flags.source_column}
    if missing := [flag for flag, value in needed.items() if value is None]:
        raise InputDataError(f"a pair of your own needs {', '.join(needed)}: {missing[0]} is missing")
    files, columns = [flags.target_data, *_source_files(flags)], [flags.target_column, *(flags.source_column or [])]
    names = _names(files, columns)
    target, *sources = (
        _task(flags, "source" if index else "target", name, file, column)
        for index, (name, file, column) in enumerate(zip(names, files, columns, strict=True))
    )
    asked = [code for code in flags.source_property or () if code != AUTO]
    sources += [TaskSpec(get_property(code).code) for code in asked]
    if AUTO in (flags.source_property or ()) and sources:
        raise InputDataError(f"--source-property {AUTO} chooses the source: name no other")
    return [PairSpec(target, tuple(sources or choose(target)))]


def _flags_of(pair: PairSpec) -> dict[str, Any]:
    """The flags that ask for a pair."""
    tables = [source for source in pair.sources if source.file is not None]
    flags: dict[str, Any] = {
        "source_data": [Path(source.file or "") for source in tables] or None,
        "source_column": [source.column for source in tables] or None,
        "source_property": [source.property for source in pair.sources if source.file is None],
        "target_data": Path(pair.target.file or ""),
        "target_column": pair.target.column,
        "split_column": pair.target.split_column,
        "drop_bad_rows": pair.target.drop_bad_rows,
        "censored": pair.target.censored,
        "features": list(pair.target.features),
        "source_features": list(tables[0].features) if tables else None,
    }
    for role, task in zip(ROLES, (pair.target, *tables[:1]), strict=False):
        flags |= {f"{role}_unit": task.unit, f"{role}_log": task.log10, f"{role}_smiles_column": task.smiles_column}
    return flags


def _source_files(flags: argparse.Namespace) -> list[Path]:
    files, columns = flags.source_data or [], flags.source_column or []
    if len(files) == 1:
        return list(files) * len(columns)
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


def _task(flags: argparse.Namespace, role: str, name: str, file: Path, column: str) -> TaskSpec:
    return TaskSpec(
        property=name,
        file=str(file.resolve()),
        column=column,
        smiles_column=getattr(flags, f"{role}_smiles_column") or flags.smiles_column or "smiles",
        unit=getattr(flags, f"{role}_unit") or "",
        log10=bool(getattr(flags, f"{role}_log")),
        split_column=flags.split_column if role == "target" else None,
        drop_bad_rows=bool(flags.drop_bad_rows),
        features=_features(flags, role),
        censored=flags.censored or "refuse",
    )


def _features(flags: argparse.Namespace, role: str) -> tuple[str, ...]:
    """The feature columns that the table of a task has."""
    if role == "target" or flags.source_features is None:
        return tuple(flags.features or ())
    return tuple(flags.source_features)
