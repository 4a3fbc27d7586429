"""`gear-search pretrain`: train a D-MPNN on what follows from molecules themselves, for searches to begin with."""

import sys
from pathlib import Path

from gear.command_line import Parser, at_least, make_parser
from gear.config import AGGREGATIONS, EmbeddingConfig
from gear.errors import InputDataError, user_command
from gear.pretrain.recipe import Recipe, Shape

# The training imports late: torch and RDKit take seconds.

__all__ = ["command_parser", "main"]

DEFAULT = Recipe(Shape.of(EmbeddingConfig()))


@user_command
def main() -> int:
    """Train a D-MPNN to predict RDKit's descriptors of all molecules at hand; no label is seen.

    The molecules are those of the built-in properties, all organic compounds that the package chemicals ships, and
    yours. It takes minutes, once for each shape and set of molecules: the weights are kept in the user cache.
    `gear-search run --pretrained descriptors`, or with the file of --out in place of the word, begins with them.
    """
    args = command_parser().parse_args()
    shape = Shape(args.width, args.depth, args.aggregation, args.aggregation_norm)
    recipe = Recipe(shape, passes=args.passes, environments=args.environments, seed=args.seed)
    if args.out is not None and args.out.suffix != ".safetensors":
        raise InputDataError(f"--out {args.out}: name a file that ends in .safetensors")
    from gear.pretrain.molecules import own_molecules
    from gear.pretrain.pretraining import pretrained, save_copy, summary

    own = own_molecules(args.molecules, args.smiles_column)
    if args.molecules:
        print(f"{len(own.smiles):,} molecules of yours; rows without a usable SMILES: {own.bad_rows:,}")
    weights, path = pretrained(recipe, own.smiles, lambda line: print(line, flush=True))
    if args.out is not None:
        save_copy(path, args.out)
        path = args.out
    print(f"{summary(weights)}\nweights: {path}")
    return 0


def command_parser() -> Parser:
    """The command line."""
    parser = make_parser("gear.pretrain", main.__doc__)
    parser.add_argument(
        "--molecules",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="tables of your own with a column of SMILES, beside the molecules at hand: CSV, TSV or Parquet",
    )
    parser.add_argument(
        "--smiles-column", default="smiles", metavar="NAME", help="the column of SMILES (default: smiles)"
    )
    _add_shape(parser)
    parser.add_argument(
        "--passes",
        type=at_least(1),
        default=DEFAULT.passes,
        metavar="N",
        help=f"over all molecules (default: {DEFAULT.passes})",
    )
    parser.add_argument(
        "--environments",
        type=int,
        default=DEFAULT.environments,
        metavar="N",
        help=f"also predict the counts of the N most frequent Morgan environments (default: {DEFAULT.environments})",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the training (default: 0)")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="also write the weights to NAME.safetensors, for --pretrained FILE"
    )
    return parser


def _add_shape(parser: Parser) -> None:
    """Flags of the D-MPNN's shape."""
    shape = DEFAULT.shape
    parser.add_argument(
        "--width", type=at_least(1), default=shape.width, metavar="N", help=f"of the D-MPNN (default: {shape.width})"
    )
    parser.add_argument(
        "--depth",
        type=at_least(1),
        default=shape.depth,
        metavar="N",
        help=f"message-passing steps (default: {shape.depth})",
    )
    parser.add_argument(
        "--aggregation",
        choices=AGGREGATIONS,
        default=shape.aggregation,
        help=f"of atoms to the molecule (default: {shape.aggregation})",
    )
    parser.add_argument(
        "--aggregation-norm",
        type=float,
        default=shape.aggregation_norm,
        metavar="F",
        help=f"the constant of aggregation norm (default: {shape.aggregation_norm:g})",
    )


if __name__ == "__main__":
    sys.exit(main())
