"""Train one configuration without Ray: `python -m gear.train TRIAL.json`.

TRIAL.json is a `TrialSpec`; the search writes one for every trial, which this repeats number by number.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from gear.config import TrialSpec, from_dict
from gear.device import claim
from gear.errors import InputDataError, user_command
from gear.evaluation.diagnostics import diagnose
from gear.recorded import complete
from gear.results import EpochResult
from gear.training.folds import make_run

__all__ = ["read_trial"]


def read_trial(path: Path) -> TrialSpec:
    """Parse a trial file.

    Raises:
        InputDataError: unreadable, not JSON, or not a trial.
    """
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputDataError(f"cannot read trial {path}: {error}") from error
    if isinstance(data, dict) and isinstance(data.get("config"), dict):
        data["config"] = complete(data["config"])
    return from_dict(TrialSpec, data)


@user_command
def main() -> int:
    """Train one trial and print a line an epoch."""
    parser = argparse.ArgumentParser(prog="python -m gear.train", description=main.__doc__)
    parser.add_argument("trial", type=Path, metavar="TRIAL.json")
    parser.add_argument("--checkpoint", type=Path, metavar="DIR", help="save every epoch there, and go on from it")
    parser.add_argument("--json", action="store_true", help="print every epoch as a JSON object")
    args = parser.parse_args()
    spec = read_trial(args.trial)
    claim(spec.threads, spec.gpu_share)
    run = make_run(spec)
    for note in run.model.notes:
        print(f"note: {note}", file=sys.stderr)
    if args.checkpoint is not None and args.checkpoint.exists():
        run.restore(args.checkpoint)
    history: list[EpochResult] = []
    for result in run.epochs():
        history.append(result)
        if args.checkpoint is not None:
            run.save(args.checkpoint)
        print(json.dumps(dataclasses.asdict(result)) if args.json else _line(result), flush=True)
    for finding in diagnose(history, spec.config):
        print(f"finding: {finding.message}", file=sys.stderr)
    return 1 if history[-1].status == "failed" else 0


def _line(row: EpochResult) -> str:
    terms = " ".join(f"{name} {value:.3g}" for name, value in row.train_loss.items())
    end = f"  {row.status}: {row.reason}" if row.status != "running" else ""
    return f"epoch {row.epoch:3d}  validation RMSE {row.validation_rmse:.4f}  {row.seconds:.1f} s  train {terms}{end}"


if __name__ == "__main__":
    sys.exit(main())
