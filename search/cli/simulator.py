"""Policies of search compared on recorded learning curves, without Ray and without training.

gear-search simulate [--sampler gp] [--pruner halving median] [--trials 50] [--seeds 5]
gear-search simulate all-labels
gear-search simulate campaigns/NAME
gear-search simulate campaigns/NAME --export curves.jsonl.gz
gear-search simulate curves.jsonl.gz
"""

import sys
from pathlib import Path

from gear.command_line import Parser, at_least, make_parser
from gear.errors import user_command
from search.campaign.pruning import PRUNERS, find_pruner
from search.campaign.samplers import SAMPLERS, find_sampler
from search.simulation import DEFAULT_CURVES, SHIPPED, SURROGATES

__all__ = ["command_parser", "main"]


@user_command
def main() -> int:
    """Compare policies of search on recorded learning curves, or export curves."""
    args = command_parser().parse_args()
    from search.cli.console import make_console
    from search.cli.policy_tables import policy_table, summary_lines
    from search.simulation.recorded_curves import read_curves, write_curves  # RDKit and pandas, a second
    from search.simulation.simulator import compare, policies
    from search.simulation.surrogate import make_surrogate

    console = make_console()
    curves = read_curves(args.curves)
    if args.export is not None:
        write_curves(curves, args.export)
        console.print(f"{len(curves.trials)} curves in {args.export}", soft_wrap=True)
        return 0
    plan = curves.plan
    trials = args.trials or plan.search.trials
    grace = args.grace_epochs or max(1, min(plan.grace_epochs, plan.epochs // 5))
    find_sampler(args.sampler)
    for pruner in args.pruner:
        find_pruner(pruner)
    ways = policies(args.sampler, args.pruner, transfer_starts=args.transfer_starts)
    found = compare(make_surrogate(args.surrogate, curves), ways, trials, args.seeds, grace, args.slots, args.jobs)
    for study in plan.studies:
        console.print(policy_table(study.name, found, trials, plan.epochs))
    console.print(
        f"to random search's best of {trials}, medians of {args.seeds} seeds and {len(plan.studies)} studies:"
    )
    for line in summary_lines(found, trials):
        console.print(line, soft_wrap=True)
    return 0


def command_parser() -> Parser:
    """The command line."""
    parser = make_parser("search.cli.simulator", main.__doc__)
    parser.add_argument(
        "curves",
        nargs="?",
        default=DEFAULT_CURVES,
        help=f"a campaign folder, a file made by --export, or curves that come with this program: {', '.join(SHIPPED)} "
        f"(default: {DEFAULT_CURVES})",
    )
    parser.add_argument(
        "--sampler",
        default="tpe",
        metavar="NAME",
        help=f"the sampler to compare with random search: {', '.join(SAMPLERS)}, or my_module:MySampler (default: tpe)",
    )
    parser.add_argument(
        "--pruner",
        nargs="+",
        default=["halving"],
        metavar="NAME",
        help=f"pruners to compare: {', '.join(PRUNERS)}, or my_module:my_pruner (default: halving)",
    )
    _add_amounts(parser)
    return parser


def _add_amounts(parser: Parser) -> None:
    """Flags of how much is simulated, and how."""
    parser.add_argument(
        "--surrogate",
        choices=SURROGATES,
        default="smooth",
        help="what answers for a configuration that was not recorded (default: smooth)",
    )
    parser.add_argument("--trials", type=at_least(1), metavar="N", help="trials of each study (default: as recorded)")
    parser.add_argument(
        "--seeds", type=at_least(1), default=5, metavar="K", help="seeds that medians are taken over (default: 5)"
    )
    parser.add_argument("--slots", type=at_least(1), default=4, metavar="N", help="concurrent trials (default: 4)")
    parser.add_argument(
        "--grace-epochs",
        type=at_least(1),
        metavar="N",
        help="epochs before early stopping (default: as recorded, at most a fifth of all)",
    )
    parser.add_argument(
        "--no-transfer-starts",
        action="store_false",
        dest="transfer_starts",
        help="leave out the policy with transferred starts",
    )
    parser.add_argument(
        "--export", type=Path, metavar="FILE.jsonl.gz", help="write the curves to a file, and compare nothing"
    )
    parser.add_argument("--jobs", type=at_least(-1), default=-1, metavar="N", help="processes (default: one a core)")


if __name__ == "__main__":
    sys.exit(main())
