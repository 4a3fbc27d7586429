"""Trains the trials of a study of a campaign again and tests its winner again: are the numbers the same?

    python benchmarks/rerun_study.py CAMPAIGN_FOLDER hv_from_bp.random-n60.gear [--winner-only]

Every trial is trained from what the campaign recorded of it, its configuration, seed, split and folds, up to the epoch
at which it ended, and nothing is written to the campaign. Proposals are not made again: they depend on the other trials
of the campaign at their time. On the same kind of machine with the same versions the numbers are equal; elsewhere sums
round differently, which training magnifies. A single trial by hand: `gear-search train .../STUDY/NUMBER/trial.json`.
"""

import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gear.command_line import Parser
from gear.config import TrialSpec
from gear.errors import InputDataError, UnknownNameError, user_command
from gear.evaluation.held_out import HeldOutPredictions
from search.campaign.campaign import Campaign
from search.campaign.selection import members, winner
from search.campaign.study import Study, Trial
from search.launch.campaign_result import load_campaign


@dataclass(frozen=True, slots=True)
class Compared:
    """A number as it was recorded and as it came out again."""

    what: str
    recorded: float
    again: float

    def agrees(self, tolerance: float) -> bool:
        """Whether they differ by at most this share of the recorded one."""
        return math.isclose(self.recorded, self.again, rel_tol=tolerance)


def rerun(campaign: Campaign, study: Study, *, winner_only: bool) -> Iterator[Compared]:
    """The validation RMSE of each trial, then the test RMSE of the winner.

    Args:
        campaign: of the study.
        study: with a tested winner.
        winner_only: train only the trials that were tested.

    Raises:
        InputDataError: it has no tested winner.
    """
    best = winner(study, campaign.plan.search)
    if best is None or not study.finished or study.finished[-1].winner != best.number:
        raise InputDataError(f"study {study.name} has no tested winner yet")
    tested = [trial.number for trial in members(study, best, campaign.plan.search)]
    predictions: list[HeldOutPredictions] = []
    for trial in study.trials:
        if trial.value is None or (winner_only and trial.number not in tested):
            continue
        with tempfile.TemporaryDirectory(prefix="gear-") as scratch:
            checkpoint = Path(scratch) / "checkpoint"
            spec = campaign.spec(study.name, trial.number)
            again = train(spec, trial, checkpoint)
            yield Compared(f"trial {trial.number}, {trial.state}: validation RMSE", trial.value, again)
            if trial.number in tested:
                predictions += predicted(spec, checkpoint)
    from gear.evaluation.evaluate import combined, scores

    recorded = study.finished[-1].numbers["test_rmse"]
    yield Compared("winner: test RMSE", recorded, scores(combined(predictions)).rmse)


def train(spec: TrialSpec, trial: Trial, checkpoint: Path) -> float:
    """Train up to the epoch at which a trial ended; its best validation RMSE by then."""
    from gear.device import claim
    from gear.training.folds import make_run

    claim(spec.threads, spec.gpu_share)
    run = make_run(spec)
    value = math.nan
    for row in run.epochs():
        value = row.best_validation_rmse
        if row.epoch == trial.epoch:
            break
    run.save(checkpoint)
    return value


def predicted(spec: TrialSpec, checkpoint: Path) -> list[HeldOutPredictions]:
    """What the model of each fold predicts for the held-out molecules."""
    from gear.evaluation.evaluate import predict_held_out
    from gear.training.folds import fold_checkpoints, pair_of, single_folds

    places = fold_checkpoints(checkpoint, spec.folds)
    return [
        predict_held_out(place, single, pair_of(single))
        for single, place in zip(single_folds(spec), places, strict=True)
    ]


@user_command
def main() -> int:
    """Print each number twice; the exit code is 1 where two differ."""
    parser = Parser(description=__doc__)
    parser.add_argument("campaign", type=Path, metavar="CAMPAIGN_FOLDER")
    parser.add_argument("study")
    parser.add_argument("--winner-only", action="store_true", help="train only the trials that were tested")
    parser.add_argument("--tolerance", type=float, default=1e-6, metavar="F", help="relative difference that is none")
    args = parser.parse_args()
    campaign = load_campaign(args.campaign.name, str(args.campaign.parent)).campaign
    if args.study not in campaign.studies:
        raise UnknownNameError("study", args.study, [*campaign.studies])
    different = 0
    for found in rerun(campaign, campaign.studies[args.study], winner_only=args.winner_only):
        equal = found.agrees(args.tolerance)
        different += not equal
        print(f"{found.what} {found.recorded:.6f}, again {found.again:.6f}{'' if equal else ': different'}", flush=True)
    print(f"{different} numbers differ" if different else "the same numbers")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
