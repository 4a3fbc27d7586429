"""Train one configuration without Ray: `gear-search train TRIAL.json`, or `train_trial` from Python.

TRIAL.json is a `TrialSpec`. The search writes one for every trial; training it here gives the same numbers again.
"""

import dataclasses
import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path

from gear.command_line import Parser, make_parser
from gear.config import TrialSpec
from gear.errors import InputDataError, user_command
from gear.parsing import from_dict
from gear.recorded import complete, complete_pair
from gear.results import EpochResult

__all__ = ["command_parser", "main", "read_trial", "train_trial"]


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
    if isinstance(data, dict) and isinstance(data.get("pair"), dict):
        data["pair"] = complete_pair(data["pair"])
    return from_dict(TrialSpec, data)


def train_trial(
    spec: TrialSpec,
    checkpoint: Path | str | None = None,
    on_epoch: Callable[[EpochResult], None] | None = None,
) -> list[EpochResult]:
    """Train a configuration and return its learning curve.

    The process uses `spec.threads` CPU threads from here on, since the numbers depend on how many there are.

    Args:
        spec: what to train, and on which data.
        checkpoint: folder that is written after every epoch. If it exists, training goes on from it.
        on_epoch: called with each epoch's result, after its checkpoint was written.

    Returns:
        The epochs that were trained here, in order. A training that was already over gives its last epoch again.

    Raises:
        UnknownNameError: no such pair, split or method.
        InputDataError: the data or the configuration cannot be used.
        StorageError: the cache or the checkpoint cannot be written, or the checkpoint cannot be read.
    """
    from gear.device import claim  # torch, two seconds
    from gear.training.folds import make_run

    folder = None if checkpoint is None else Path(checkpoint)
    claim(spec.threads, spec.gpu_share)
    run = make_run(spec)
    if folder is not None and folder.exists():
        run.restore(folder)
    history = []
    for result in run.epochs():
        history.append(result)
        if folder is not None:
            run.save(folder)
        if on_epoch is not None:
            on_epoch(result)
    return history


@user_command
def main() -> int:
    """Train one trial and print one line for each epoch."""
    args = command_parser().parse_args()
    spec = read_trial(args.trial)
    history = train_trial(spec, args.checkpoint, functools.partial(_print_epoch, as_json=args.json))
    from gear.evaluation.diagnostics import diagnose

    for finding in diagnose(history, spec.config):
        print(f"finding: {finding.message}", file=sys.stderr)
    return 1 if history[-1].status == "failed" else 0


def command_parser() -> Parser:
    """The command line."""
    parser = make_parser("gear.train", main.__doc__)
    parser.add_argument(
        "trial", type=Path, metavar="TRIAL.json", help="the trial; the search writes one for each of its trials"
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="DIR",
        help="save every epoch in this folder, and continue from it",
    )
    parser.add_argument("--json", action="store_true", help="print each epoch as a JSON object")
    return parser


def _print_epoch(row: EpochResult, *, as_json: bool) -> None:
    if row.epoch == 1:
        for note in row.notes:
            print(f"note: {note}", file=sys.stderr)
    print(json.dumps(dataclasses.asdict(row)) if as_json else _line(row), flush=True)


def _line(row: EpochResult) -> str:
    terms = " ".join(f"{name} {value:.3g}" for name, value in row.train_loss.items())
    end = f"  {row.status}: {row.reason}" if row.status != "running" else ""
    return f"epoch {row.epoch:3d}  validation RMSE {row.validation_rmse:.4f}  {row.seconds:.1f} s  train {terms}{end}"


if __name__ == "__main__":
    sys.exit(main())
