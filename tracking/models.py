"""Registered models: `gear-search models` lists the champions, `gear-search models compare MODEL` shows rivals, too."""

import argparse
import sys

from gear.command_line import Parser, make_parser
from gear.errors import user_command
from tracking.tracking_uri import add_tracking_uri

__all__ = ["command_parser", "main"]


@user_command
def main() -> int:
    """List the champion of every pair and split, or show one model's champion beside its rivals."""
    args = command_parser().parse_args()
    from tracking.evidence import champion_lines, rival_lines
    from tracking.registry import champions, rivals  # MLflow, a second

    if args.model is None:
        lines = champion_lines(champions(args.tracking_uri))
    else:
        lines = rival_lines(rivals(args.tracking_uri, args.model))
    print("\n".join(lines))
    return 0


def command_parser() -> Parser:
    """The command line."""
    parser = make_parser("tracking.models", main.__doc__)
    add_tracking_uri(parser)
    commands = parser.add_subparsers(metavar="COMMAND")
    compare = commands.add_parser("compare", help="show champion, challenger and the best of every method side by side")
    compare.add_argument("model", help="gear.PAIR.SPLIT, or PAIR.SPLIT")
    add_tracking_uri(compare, argparse.SUPPRESS)
    parser.set_defaults(model=None)
    return parser


if __name__ == "__main__":
    sys.exit(main())
