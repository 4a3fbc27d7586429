"""How the code is divided: packages, their sizes, imports between them, cycles. `python benchmarks/structure.py`.

An argument names another checkout to compare with. A unit is a package with the modules that lie directly in it; a
module directly in `gear`, `search` or `tracking` is a unit of its own. Imports under `if TYPE_CHECKING` do not count.
"""

import sys
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median

import grimp
import networkx as nx

from gear.command_line import Parser

ROOTS = ("gear", "search", "tracking")


def main() -> None:
    parser = Parser(description="Print the structure of the code.")
    parser.add_argument("checkout", nargs="?", type=Path, default=Path(__file__).parents[1], metavar="DIR")
    parser.add_argument("--files", action="store_true", help="print the lines of every file too")
    args = parser.parse_args()
    checkout = args.checkout.resolve()
    sys.path.insert(0, str(checkout))
    for name in ROOTS:  # this script has imported its own
        sys.modules.pop(name, None)
    lines = line_counts(checkout)
    imports = import_graph()
    packages = {module for module in lines if any(other.startswith(f"{module}.") for other in lines)}
    unit_of = {module: unit(module, packages) for module in lines}
    arrows = Counter((unit_of[one], unit_of[other]) for one, other in imports.edges if unit_of[one] != unit_of[other])
    print_units(lines, packages, unit_of, arrows)
    print_cycles("units", nx.DiGraph(arrows.keys()))
    print_cycles("modules", imports)
    for name, count in sorted(lines.items(), key=lambda item: -item[1]) if args.files else ():
        print(f"{count:5} {name}")


def import_graph() -> nx.DiGraph:
    """The modules of the packages on the path, each with an edge to every module that it imports."""
    graph = grimp.build_graph(*ROOTS, exclude_type_checking_imports=True, cache_dir=None)
    return nx.DiGraph((one, other) for one in graph.modules for other in graph.find_modules_directly_imported_by(one))


def cycles(graph: nx.DiGraph) -> list[list[str]]:
    """Groups of nodes from each of which all others of the group are reached."""
    return sorted(sorted(found) for found in nx.strongly_connected_components(graph) if len(found) > 1)


def line_counts(checkout: Path) -> dict[str, int]:
    """Lines of every module, by its name."""
    found = {}
    for path in sorted(file for root in ROOTS for file in (checkout / root).rglob("*.py")):
        name = ".".join(path.relative_to(checkout).with_suffix("").parts).removesuffix(".__init__")
        found[name] = path.read_text().count("\n")
    return found


def unit(module: str, packages: set[str]) -> str:
    package = module if module in packages else module.rpartition(".")[0]
    return module if package in ROOTS else package


def print_units(
    lines: dict[str, int], packages: set[str], unit_of: dict[str, str], arrows: Counter[tuple[str, str]]
) -> None:
    members = defaultdict(list)
    for module in lines:
        members[unit_of[module]].append(lines[module])
    print(f"{'unit':28} {'modules':>7} {'lines':>7} {'median':>7} {'largest':>7}   imports (number of module pairs)")
    for name, sizes in sorted(members.items()):
        targets = ", ".join(f"{other} {arrows[name, other]}" for other in sorted(members) if arrows[name, other])
        print(f"{name:28} {len(sizes):7} {sum(sizes):7} {median(sizes):7g} {max(sizes):7}   {targets}")
    print(
        f"\n{len(lines)} modules in {len(members)} units, {sum(lines.values()):,} lines; lines of a module: median "
        f"{median(lines.values()):g}, maximum {max(lines.values())}; {len(arrows)} imports between units"
    )
    for root in ROOTS:
        names = [module for module in lines if module.partition(".")[0] == root]
        folders = Counter(module if module in packages else module.rpartition(".")[0] for module in names)
        direct = sum(module.count(".") == 1 and module not in packages for module in names)
        print(
            f"{root}: {len(names)} modules in {len(folders)} folders, "
            f"at most {max(folders.values())} in one, {direct} directly in {root}"
        )


def print_cycles(what: str, graph: nx.DiGraph) -> None:
    found = cycles(graph)
    print(f"{what} in import cycles: {sum(map(len, found))}")
    for cycle in found:
        print("  " + ", ".join(cycle))


if __name__ == "__main__":
    main()
