"""Copy a champion out of MLflow: `gear-search export --pair hv_from_ds --split random --to DIR`."""

import sys
from pathlib import Path

from gear.command_line import Parser, make_parser
from gear.errors import user_command
from tracking.tracking_uri import add_tracking_uri

__all__ = ["command_parser", "main"]


@user_command
def main() -> int:
    """Copy the export folder of a registered model: it predicts without MLflow, Ray or Optuna."""
    args = command_parser().parse_args()
    from tracking.registry import champion_export  # MLflow, a second

    found = champion_export(args.tracking_uri, args.pair, args.split, args.method, args.to)
    validation, test = float(found.evidence["validation_rmse"]), float(found.evidence["test_rmse"])
    print(
        f"{found.name} version {found.version} ({found.evidence['method']}): validation RMSE {validation:.4f}, "
        f"test RMSE {test:.4f}"
    )
    print(f"predict with: gear-search predict {args.to} molecules.csv --out predictions.csv")
    return 0


def command_parser() -> Parser:
    """The command line."""
    parser = make_parser("tracking.export", main.__doc__)
    parser.add_argument("--pair", required=True, metavar="ID", help="the pair, for instance hv_from_ds")
    parser.add_argument("--split", required=True, metavar="SPLIT", help="the split, for instance random or scaffold")
    parser.add_argument("--method", metavar="METHOD", help="take the best model of this method, not the champion")
    parser.add_argument("--to", required=True, type=Path, metavar="DIR", help="the folder to write, new or empty")
    add_tracking_uri(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
