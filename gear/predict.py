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

from gear.data import canonical_smiles
from gear.data.featurize import featurize_chunk
from gear.data.fingerprint import fingerprints
from gear.data.table_file import Row, open_table, require_column
from gear.device import pick_device
from gear.errors import InputDataError, StorageError, user_command
from gear.export import load_export
from gear.model.molecules import MoleculeBatch, MoleculeStore

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
        """Predictions (B,) in `unit`, in the order given; of the molecule as training sees it, without stereo.

        Raises:
            InputDataError: a SMILES cannot be parsed.
        """
        parts = [np.empty(0)]
        for start in range(0, len(smiles), CHUNK):
            chunk = [canonical_smiles(text) or text for text in smiles[start : start + CHUNK]]
            standardised = self.model.predict(self._molecules(chunk))
            parts.append(self.scaler.to_units(standardised.cpu().double().numpy()))
        return np.concatenate(parts)

    def _molecules(self, smiles: list[str]) -> MoleculeBatch:
        """The molecules in the form that the target's embedding reads."""
        kind = self.model.config.embedding.kind
        store = MoleculeStore(
            self.device,
            graphs=featurize_chunk(smiles) if kind == "dmpnn" else None,
            fingerprints=fingerprints(smiles) if kind == "fingerprint" else None,
            smiles=smiles if kind == "text" else None,
        )
        return store.batch(torch.arange(len(smiles)))


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
    table = open_table(args.molecules)
    column = require_column(table, args.smiles_column, "smiles-column")
    rows = list(table.rows)
    smiles = [_smiles(row, column, len(table.columns)) for row in rows]
    bad = [i for i, text in enumerate(smiles) if text is None]
    if bad and not args.skip_bad_rows:
        row = rows[bad[0]]
        told = row.cells[column] if column < len(row.cells) else ""
        raise InputDataError(
            f"{args.molecules} row {row.line}: cannot parse SMILES '{told}' ({len(bad)} bad in all): mend the file or "
            "pass --skip-bad-rows"
        )
    good = [i for i, text in enumerate(smiles) if text is not None]
    predictions: list[float | None] = [None] * len(rows)
    for index, value in zip(good, predictor.predict([smiles[i] or "" for i in good]), strict=True):
        predictions[index] = float(value)
    _write(args.out, table.columns, rows, predictions, predictor.unit)
    print(f"{len(good)} of {len(rows)} molecules predicted ({predictor.property}, {predictor.unit}): {args.out}")
    return 0


def _smiles(row: Row, column: int, width: int) -> str | None:
    """Identity of a row's molecule, as training would see it; None for a bad row."""
    cell = row.cells[column] if len(row.cells) == width else None
    return canonical_smiles(cell.strip()) if isinstance(cell, str) else None


def _write(path: Path, columns: Sequence[str], rows: Sequence[Row], predictions: list[float | None], unit: str) -> None:
    """The input with its predictions, complete or not at all."""

    def lines() -> Iterator[list[object]]:
        yield [*columns, "prediction", "unit", "reason"]
        for row, value in zip(rows, predictions, strict=True):
            told = ["", unit, "unparsable SMILES"] if value is None else [repr(value), unit, ""]
            cells = [*row.cells, *[""] * len(columns)][: len(columns)]
            yield [*("" if cell is None else cell for cell in cells), *told]

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
