"""What `gear-search cluster` does, by its next word."""

import sys

from gear.command_line import SCRIPT
from gear.errors import UnknownNameError, user_command

__all__ = ["main"]

ACTIONS = ("start", "follow", "stop", "on-premises")
USAGE = f"""usage: {SCRIPT} cluster ACTION ...

actions, on the head of a cluster:
  start FLAGS   start a search with the flags of {SCRIPT} run; it goes on when the shell ends; prints its log's name
  follow [LOG]  print what the search with this log says, until it ends; by default the one that was started last
  stop [LOG]    end it as Ctrl-C would; by default the one that runs; {SCRIPT} run --resume continues it

actions, anywhere:
  on-premises   write a cluster file for machines of your own; on-premises --help shows its flags
"""


@user_command
def main() -> int:
    """Start, follow or stop a detached search, or write a cluster file."""
    action, *flags = sys.argv[1:] or ["--help"]
    if action in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    if action not in ACTIONS:
        raise UnknownNameError("action", action, ACTIONS)
    if action == "on-premises":
        from search.cli.cluster import on_premises

        sys.argv = [f"{sys.argv[0]} {action}", *flags]
        return on_premises.main()
    from search.cli.cluster import detached

    return detached.main()


if __name__ == "__main__":
    sys.exit(main())
