"""Predict with an export folder: `python -m gear.predict DIR molecules.csv --out predictions.csv`.

Needs torch, chemprop and RDKit alone.
"""

import argparse
import csv
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from gear.data import canonical_smiles, featurize
from gear.device import pick_device
from gear.errors import InputDataError, StorageError, user_command
from gear.export import load_export
from gear.model.graphs import GraphStore

__all__ = ["Predictor", "load_predictor"]

CHUNK = 1024  # molecules at a time, so that memory stays bounded


class Predictor:
    """A loaded export folder.

    Attributes:
        property: code of the predicted property.
        unit: of the predictions.
        method: that trained the model.
    """

    def __init__(self, folder: Path) -> None:
        exported = load_export(folder)
        self.device = pick_device("auto")
        self.model, self.scaler = exported.model.to(self.device), exported.scaler
        self.property: str = exported.info["property"]
        self.unit: str = exported.info["unit"]
        self.method: str = exported.info["trial"]["config"]["method"]

    @torch.no_grad()
    def predict(self, smiles: Sequence[str]) -> np.ndarray:
        """Predictions (B,) in `unit`, in the order given.

        Raises:
            InputDataError: a SMILES cannot be parsed.
        """
        parts = [np.empty(0)]
        for start in range(0, len(smiles), CHUNK):
            store = GraphStore(featurize(smiles[start : start + CHUNK]), self.device)
            standardised = self.model.predict(store.batch(torch.arange(len(store), device=self.device)))
            parts.append(self.scaler.to_units(standardised.cpu().double().numpy()))
        return np.concatenate(parts)


def load_predictor(folder: Path) -> Predictor:
    """Load an export folder.

    Raises:
        StorageError: the folder is no export, was changed, or is of a future format.
    """
    return Predictor(Path(folder))


@user_command
def main() -> int:
    """Predict the molecules of a CSV file; every input column is kept."""
    parser = argparse.ArgumentParser(prog="python -m gear.predict", description=main.__doc__)
    parser.add_argument("model", type=Path, metavar="DIR", help="export folder")
    parser.add_argument("molecules", type=Path, metavar="CSV", help="file with a SMILES column")
    parser.add_argument("--out", type=Path, required=True, help="CSV file to write")
    parser.add_argument("--smiles-column", default="smiles", help="name of the SMILES column (default: smiles)")
    parser.add_argument(
        "--skip-bad-rows", action="store_true", help="keep unparsable SMILES, with an empty prediction and the reason"
    )
    args = parser.parse_args()
    predictor = load_predictor(args.model)
    columns, rows = _read(args.molecules, args.smiles_column)
    good = [i for i, row in enumerate(rows) if canonical_smiles(row[args.smiles_column]) is not None]
    if len(good) < len(rows) and not args.skip_bad_rows:
        bad = next(i for i in range(len(rows)) if i not in set(good))
        raise InputDataError(
            f"{args.molecules} row {bad + 2}: cannot parse SMILES '{rows[bad][args.smiles_column]}' "
            f"({len(rows) - len(good)} bad in all): mend the file or pass --skip-bad-rows"
        )
    predictions: list[float | None] = [None] * len(rows)
    for index, value in zip(good, predictor.predict([rows[i][args.smiles_column] for i in good]), strict=True):
        predictions[index] = float(value)
    _write(args.out, columns, rows, predictions, predictor.unit)
    print(f"{len(good)} of {len(rows)} molecules predicted ({predictor.property}, {predictor.unit}): {args.out}")
    return 0


def _read(path: Path, smiles_column: str) -> tuple[list[str], list[dict[str, str]]]:
    """Columns and rows of a CSV file with a SMILES column."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or [])
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputDataError(f"cannot read {path}: {error}") from error
    if smiles_column not in columns:
        raise InputDataError(
            f"{path} has no column '{smiles_column}' (it has: {', '.join(columns) or 'none'}): pass --smiles-column"
        )
    return columns, [{name: row.get(name) or "" for name in columns} for row in rows]


def _write(
    path: Path, columns: list[str], rows: list[dict[str, str]], predictions: list[float | None], unit: str
) -> None:
    """The input with its predictions, complete or not at all."""

    def lines() -> Iterator[list[str]]:
        yield [*columns, "prediction", "unit", "reason"]
        for row, value in zip(rows, predictions, strict=True):
            told = ["", unit, "unparsable SMILES"] if value is None else [repr(value), unit, ""]
            yield [row[name] for name in columns] + told

    draft = path.with_name(f".{path.name}.draft")
    try:
        with draft.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(lines())
        os.replace(draft, path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StorageError(f"cannot write {path}: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
