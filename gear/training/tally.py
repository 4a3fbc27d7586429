"""What the steps of an epoch give, summed on the device."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping

import torch
from torch import Tensor

__all__ = ["Tally", "Totals"]

MAX_SKIPPED_SHARE = 0.5  # of an epoch's steps; a trial with a larger share of non-finite steps has diverged


class Tally:
    """Sums over the steps of an epoch for M models, kept as tensors so that no step waits for the device.

    Terms that are evaluated at the same steps are summed as one array. A step that was skipped is not counted.
    """

    def __init__(self, members: int) -> None:
        self.sums: dict[tuple[str, ...], Tensor] = {}
        self.counts: dict[tuple[str, ...], Tensor] = {}
        self.steps, self.molecules = [0] * members, [0] * members

    def add(self, terms: Mapping[str, Tensor], failed: Tensor, counted: Tensor) -> None:
        """Add the terms (M,) of a step, the shares of failed metrics, and for which models the step counts."""
        names = (*terms, "failed")
        values = torch.stack([*terms.values(), failed]).detach()
        self.sums[names] = self.sums.get(names, 0.0) + torch.where(counted, values, 0.0)
        self.counts[names] = self.counts.get(names, 0.0) + counted.float()

    def begin(self, sizes: Mapping[int, int]) -> None:
        """Count a step of some models, with so many molecules each."""
        for member, size in sizes.items():
            self.steps[member] += 1
            self.molecules[member] += size

    def totals(self) -> list["Totals"]:
        """Those of each model; waits for the device."""
        sums = {names: values.T.tolist() for names, values in self.sums.items()}
        counts = {names: values.tolist() for names, values in self.counts.items()}
        return [
            Totals(
                {names: dict(zip(names, values[member], strict=True)) for names, values in sums.items()},
                {names: values[member] for names, values in counts.items()},
                steps,
                molecules,
            )
            for member, (steps, molecules) in enumerate(zip(self.steps, self.molecules, strict=True))
        ]


class Totals:
    """The sums of one model.

    Args:
        sums: by the names of the terms that were evaluated together.
        counts: of the steps that evaluated them.
        steps: how many there were, skipped ones too.
        molecules: of all steps.
    """

    def __init__(
        self,
        sums: Mapping[tuple[str, ...], Mapping[str, float]],
        counts: Mapping[tuple[str, ...], float],
        steps: int,
        molecules: int,
    ) -> None:
        self.sums, self.counts, self.steps, self.molecules = sums, counts, steps, molecules

    def means(self) -> dict[str, float]:
        """The mean of each term over the steps that evaluated it."""
        sums, counts = self._totals(lambda names: names[:-1])
        return {name: value / counts[name] for name, value in sums.items() if counts[name]}

    def failed_share(self) -> float:
        """The share of the molecules with an evaluated curvature whose metric was near singular."""
        sums, counts = self._totals(lambda names: names if "curv" in names else ())
        return sums.get("failed", 0.0) / max(counts.get("failed", 0.0), 1.0)

    def skipped(self) -> int:
        """The number of steps that were skipped."""
        return self.steps - round(sum(self.counts.values()))

    def diverged(self) -> str:
        """The reason for the failure if too many steps were skipped, else an empty string."""
        if (skipped := self.skipped()) <= MAX_SKIPPED_SHARE * self.steps:
            return ""
        return f"diverged: gradient not finite in {skipped} of {self.steps} steps"

    def _totals(
        self, wanted: Callable[[tuple[str, ...]], Collection[str]]
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Sums and counts of the terms that `wanted` selects from each vector."""
        sums: dict[str, float] = defaultdict(float)
        counts: dict[str, float] = defaultdict(float)
        for names, values in self.sums.items():
            for name, value in values.items():
                if name in wanted(names):
                    sums[name] += value
                    counts[name] += self.counts[names]
        return sums, counts
