"""How policies of search compare, as a table for each study and a line for each policy."""

import math
import statistics
from collections.abc import Mapping, Sequence

from rich.table import Table

from search.simulation.simulator import Point, Policy, Traces, best_after, to_reach

__all__ = ["policy_table", "summary_lines"]


def _median_to_reach(traces: Sequence[Sequence[Point]], unit: str, value: float) -> float:
    return statistics.median(to_reach(trace, unit, value) for trace in traces)


def policy_table(study: str, found: Mapping[Policy, Traces], trials: int, epochs: int) -> Table:
    """The best value of each policy against trials and epochs, and what it needs to reach random search's best."""
    parts = sorted({max(1, trials // 4), max(1, trials // 2), trials})
    table = Table(title=f"{study}: best validation RMSE", title_justify="left")
    table.add_column("policy")
    for unit, size in (("trials", 1), ("epochs", epochs)):
        for part in parts:
            table.add_column(f"{part * size} {unit}", justify="right")
    goal = best_after(found[Policy("random")][study], "trials", trials)
    for unit in ("trials", "epochs"):
        table.add_column(f"{unit} to {goal:.4f}", justify="right")
    for policy, traces in found.items():
        own = traces[study]
        best = [
            best_after(own, unit, part * size) for unit, size in (("trials", 1), ("epochs", epochs)) for part in parts
        ]
        needed = [_median_to_reach(own, unit, goal) for unit in ("trials", "epochs")]
        table.add_row(policy.name, *(_shown(value, ".4f") for value in best), *(_shown(value, "g") for value in needed))
    return table


def _shown(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "-"


def summary_lines(found: Mapping[Policy, Traces], trials: int) -> list[str]:
    """A line a policy: what it needs to reach random search's median best, over all studies."""
    lines = []
    for policy, traces in found.items():
        needed = []
        for study, own in traces.items():
            goal = best_after(found[Policy("random")][study], "trials", trials)
            needed.append([_median_to_reach(own, unit, goal) for unit in ("trials", "epochs")])
        of_trials, of_epochs = (_shown(statistics.median(column), "g") for column in zip(*needed, strict=True))
        lines.append(f"  {policy.name}: {of_trials} trials, {of_epochs} epochs")
    return lines
