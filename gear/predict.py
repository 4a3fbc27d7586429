"""Predict with an export folder: `gear-search predict DIR molecules.csv --out predictions.csv`.

From Python, `load_predictor` and `predict_file` of this module. Needs only torch, chemprop and RDKit.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gear.command_line import Parser, at_least, make_parser
from gear.errors import user_command
from gear.lazy import lazy_names
from gear.machine import usable_cpus

if TYPE_CHECKING:
    from gear.prediction import Prediction, Predictor, load_predictor
    from gear.prediction_table import predict_file

__all__ = ["Prediction", "Predictor", "command_parser", "load_predictor", "main", "predict_file"]

if not TYPE_CHECKING:  # torch, two seconds
    __getattr__ = lazy_names(
        __name__,
        {
            "gear.prediction": ("Prediction", "Predictor", "load_predictor"),
            "gear.prediction_table": ("predict_file",),
        },
    )


@user_command
def main() -> int:
    """Predict the molecules of a table; every column and row is kept, in order."""
    args = command_parser().parse_args()
    import torch

    from gear.prediction import BATCH_SIZE, load_predictor
    from gear.prediction_table import predict_file

    torch.set_num_threads(min(torch.get_num_threads(), usable_cpus()))
    batch_size = BATCH_SIZE if args.batch_size is None else args.batch_size
    predictor = load_predictor(args.model, args.device, batch_size)
    counts = predict_file(
        predictor,
        args.molecules,
        args.out,
        args.smiles_column,
        strict=args.strict,
        interval=args.interval,
        prefix=args.prefix,
        safe_for_excel=args.safe_for_excel,
        warn=lambda line: print(f"warning: {line}", file=sys.stderr),
    )
    told = f"; {counts.bad:,} rows without a prediction, see the column {counts.columns[-1]}" if counts.bad else ""
    predicted = f"{counts.rows - counts.bad:,} of {counts.rows:,} molecules"
    print(f"{predicted} predicted ({predictor.property}, {predictor.unit}): {args.out}{told}")
    return 0


def command_parser() -> Parser:
    """The command line."""
    parser = make_parser("gear.predict", main.__doc__)
    parser.add_argument("model", type=Path, metavar="DIR", help="the export folder of a model")
    parser.add_argument(
        "molecules", type=Path, metavar="FILE", help="a table (CSV, TSV or Parquet) with a column of SMILES"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the table to write: NAME.csv or NAME.parquet"
    )
    parser.add_argument(
        "--smiles-column", default="smiles", metavar="NAME", help="the column of SMILES (default: smiles)"
    )
    parser.add_argument(
        "--interval",
        type=float,
        metavar="PERCENT",
        help="add the ends of prediction intervals of this level, for instance 90, as columns low and high",
    )
    parser.add_argument(
        "--prefix",
        metavar="TEXT",
        help="put this before the names of the added columns (default: nothing, or the property and _ where the table "
        "has such a column)",
    )
    parser.add_argument(
        "--safe-for-excel",
        action="store_true",
        help="put an apostrophe before texts that a spreadsheet would run as formulas (=, +, -, @)",
    )
    parser.add_argument(
        "--strict", action="store_true", help="stop at the first unusable SMILES; without it, the row gets the reason"
    )
    parser.add_argument(
        "--device",
        choices=["auto", "cpu", "cuda"],
        default="auto",
        help="where the model runs (default: auto, a GPU if there is one)",
    )
    parser.add_argument(
        "--batch-size", type=at_least(1), metavar="N", help="molecules that the model reads at once (default: 1024)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
