"""Copy a champion out of MLflow: `python -m tracking.export --pair hv_from_ds --split random --to DIR`."""

import argparse
import sys
from pathlib import Path

from gear.errors import user_command
from tracking.registry import champion_export
from tracking.tracking_uri import add_tracking_uri

__all__ = ["main"]


@user_command
def main() -> int:
    """Copy the export folder of a registered model: it predicts without MLflow, Ray or Optuna."""
    parser = argparse.ArgumentParser(prog="python -m tracking.export", description=main.__doc__)
    parser.add_argument("--pair", required=True, metavar="ID", help="for instance hv_from_ds")
    parser.add_argument("--split", required=True, metavar="SPLIT", help="for instance random or scaffold-n60")
    parser.add_argument("--method", metavar="METHOD", help="copy the best model of this method instead of the champion")
    parser.add_argument(
        "--to", required=True, type=Path, metavar="DIR", help="folder to write; must not exist or be empty"
    )
    add_tracking_uri(parser)
    args = parser.parse_args()
    found = champion_export(args.tracking_uri, args.pair, args.split, args.method, args.to)
    validation, test = float(found.tags["validation_rmse"]), float(found.tags["test_rmse"])
    print(
        f"{found.name} version {found.version} ({found.tags['method']}): validation RMSE {validation:.4f}, "
        f"test RMSE {test:.4f}"
    )
    print(f"predict with: python -m gear.predict {args.to} molecules.csv --out predictions.csv")
    return 0


if __name__ == "__main__":
    sys.exit(main())
