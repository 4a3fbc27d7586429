"""The page docs/results.md with its tables and figures.

    python benchmarks/make_results.py campaigns/benchmark-*   # from campaigns
    python benchmarks/make_results.py                         # from the tables

Of each campaign folder it first makes the tables docs/results/CAMPAIGN/*.parquet, which are small and are committed.
The page, the errors of all pairs (docs/results/errors.md) and the figures are made of the tables of all campaigns
there, around the text of docs/results/page.md.in. So campaigns can be added one after the other, whoever has the
repository can make the page again, and who reads something else off the figures changes the text.
"""

import sys
from pathlib import Path

from results.collect import collected
from results.page import DATA, TEXT, read_tables, render, write_tables

from gear.command_line import Parser
from gear.errors import InputDataError, user_command

DOCS = Path(__file__).parents[1] / "docs"


@user_command
def main() -> int:
    """Make the tables, if campaigns are given, and the page."""
    parser = Parser(description=__doc__)
    parser.add_argument("campaigns", nargs="*", type=Path, metavar="CAMPAIGN_FOLDER")
    parser.add_argument("--out", type=Path, default=DOCS, metavar="DIR", help="folder of the page (default: docs)")
    parser.add_argument("--text", type=Path, default=DOCS / DATA / TEXT, metavar="FILE", help="the text of the page")
    args = parser.parse_args()
    for folder in args.campaigns:
        write_tables(collected(folder), args.out / DATA / folder.resolve().name)
    try:
        text = args.text.read_text(encoding="utf-8")
    except OSError as error:
        raise InputDataError(f"cannot read the text {args.text}: {error}") from error
    for path, content in render(read_tables(args.out / DATA), text).items():
        (args.out / path).write_text(content, encoding="utf-8")
        print(args.out / path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
