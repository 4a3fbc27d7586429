"""Keep what is whole of a campaign whose events are damaged: `gear-search repair NAME`.

Nothing is removed: what is whole is written into a folder of its own, beside the damaged files.
"""

import sys

from gear.command_line import Parser, make_parser
from gear.errors import StorageError, user_command
from search.cli.common_options import add_campaign, campaign_folder

__all__ = ["command_parser", "main"]


@user_command
def main() -> int:
    """Keep all that is whole of a campaign's damaged events, and say what is lost; nothing is removed."""
    args = command_parser().parse_args()
    from search.cli.console import make_console
    from search.launch.commands import resume_command
    from search.storage.repair import repair

    console = make_console()
    folder = campaign_folder(args)
    try:
        said = repair(folder)
    except OSError as error:
        raise StorageError(f"cannot repair {folder}: {error.strerror or error}") from error
    if not said:
        console.print(f"the events of {folder} are whole: there is nothing to repair", soft_wrap=True)
        return 0
    for line in said:
        console.print(line, soft_wrap=True)
    console.print(f"repaired; resume it with: {resume_command(folder.name, folder.parent)}", soft_wrap=True)
    return 0


def command_parser() -> Parser:
    """The command line."""
    parser = make_parser("search.cli.repair", main.__doc__)
    add_campaign(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
