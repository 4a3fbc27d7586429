"""A campaign's Optuna studies in a database: `gear-search optuna NAME --to study.db`.

For Optuna's dashboard and tools. The search itself keeps no such file: it rebuilds its studies from events.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from gear.command_line import Parser, make_parser
from gear.drafts import draft_file
from gear.errors import StorageError, user_command
from search.cli.common_options import add_campaign, campaign_folder

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from search.campaign.study import Study

__all__ = ["command_parser", "main", "write_studies"]


@user_command
def main() -> int:
    """Write the Optuna studies of a campaign, as they are now, to a new SQLite file."""
    args = command_parser().parse_args()
    from search.storage.snapshot import take_snapshot

    studies = take_snapshot(campaign_folder(args)).campaign.studies
    write_studies(studies.values(), args.to)
    print(f"{args.to}: {len(studies)} studies; to look at them: optuna-dashboard sqlite:///{args.to}")
    return 0


def command_parser() -> Parser:
    """The command line."""
    parser = make_parser("search.cli.optuna_export", main.__doc__)
    add_campaign(parser)
    parser.add_argument(
        "--to", type=Path, required=True, metavar="FILE", help="the SQLite file to write; it must not exist"
    )
    return parser


def write_studies(studies: "Iterable[Study]", to: Path) -> None:
    """Write studies as Optuna's, each under its name: its trials with their settings, curves and states.

    Args:
        studies: of a campaign.
        to: a SQLite file that does not exist yet.

    Raises:
        StorageError: it exists, or cannot be written.
    """
    import optuna

    from search.campaign.optuna_mirror import quiet_optuna

    if to.exists():
        raise StorageError(f"{to} exists: give --to a new file")
    try:
        with draft_file(to) as draft, quiet_optuna():
            storage = optuna.storages.RDBStorage(f"sqlite:///{draft}")
            for study in studies:
                written = optuna.create_study(storage=storage, study_name=study.name, direction="minimize")
                written.add_trials(_trials(study))
            storage.engine.dispose()
    except OSError as error:
        raise StorageError(f"cannot write {to}: {error.strerror or error}") from error


def _trials(study: "Study") -> "list[FrozenTrial]":
    """As the sampler sees them, with their number in the campaign, where they came from and how they ended."""
    from search.campaign.optuna_mirror import OptunaMirror

    mirror = OptunaMirror()
    mirror.follow(study.searched)
    found = mirror.study.get_trials()
    for trial, frozen in zip(study.searched, found, strict=True):
        frozen.set_user_attr("trial", trial.number)
        frozen.set_user_attr("origin", trial.origin)
        frozen.set_user_attr("reason", trial.reason)
    return found


if __name__ == "__main__":
    sys.exit(main())
