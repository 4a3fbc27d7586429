"""What recorded learning curves say of configurations that were not recorded.

`nearest` gives the curve of the nearest recorded one. Nothing is made up, but there are a few dozen values in all, each
with the luck of its seed, and a search is over once it has met the luckiest: chance is good at that. `smooth` draws a
surface through them, on which better configurations lie between and beside good ones.
"""

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, product
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gear.errors import InputDataError
from gear.results import OBJECTIVE
from gear.space import Dimension
from gear.variants import get_value
from search.campaign.campaign import Job
from search.campaign.trial_report import TrialReport
from search.plan.space import space
from search.simulation import SurrogateName
from search.simulation.recorded_curves import Curve, Curves

__all__ = ["Nearest", "Reordered", "Smooth", "make_surrogate"]

LENGTHS, NOISES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0), (0.03, 0.1, 0.3, 1.0, 3.0)  # that the fit of a surface chooses from

Array = NDArray[np.float64]


def make_surrogate(name: SurrogateName, curves: Curves) -> "Nearest":
    """The surrogate of a name."""
    return Smooth(curves) if name == "smooth" else Nearest(curves)


class Nearest:
    """Answers a job with the curve of the nearest recorded configuration of its study, in the unit cube of the space.

    A curve that early stopping cut off goes on level: what it would have become is not known, and it was not promising.
    """

    def __init__(self, curves: Curves) -> None:
        self.plan = curves.plan
        self._epochs = curves.plan.epochs
        plan = curves.plan
        self._spaces = {study.name: space(study.method, plan.search.vary, plan.config) for study in plan.studies}
        self._recorded: dict[str, list[Curve]] = defaultdict(list)
        for curve in curves.trials:
            self._recorded[curve.study].append(curve)
        for study in self._spaces:
            if not self._recorded[study]:
                raise InputDataError(f"no trial of {study} has ended: there is nothing to replay")
        self._places = {
            study: np.array([_place(dimensions, curve.params) for curve in self._recorded[study]])
            for study, dimensions in self._spaces.items()
        }

    def __call__(self, job: Job) -> Iterator[TrialReport]:
        """The rows that the job's trial would report."""
        dimensions = self._spaces[job.study]
        asked = {dimension.path: get_value(job.spec.config, dimension.path) for dimension in dimensions}
        gaps = _gaps(self._places[job.study], np.array(_place(dimensions, asked)))
        return self._answer(job.study, self._recorded[job.study][int(gaps.argmin())], gaps)

    def _answer(self, study: str, nearest: Curve, gaps: Array) -> Iterator[TrialReport]:
        return _rows(_to_the_end(nearest, self._epochs), nearest)


class Reordered(Nearest):
    """Answers trial number k of a study with its k-th recorded curve in a random order, whatever the trial asks for.

    Args:
        curves: of each study at least as many as it will have trials.
        order: seed of the order.
    """

    def __init__(self, curves: Curves, order: int) -> None:
        super().__init__(curves)
        for study, recorded in self._recorded.items():
            random.Random(f"{order}:{study}").shuffle(recorded)

    def __call__(self, job: Job) -> Iterator[TrialReport]:
        """The rows of the curve that has the job's number."""
        curve = self._recorded[job.study][job.number]
        return _rows(_to_the_end(curve, self._epochs), curve)


class Smooth(Nearest):
    """Answers with the mean of a Gaussian process through the logarithms of the recorded curves, epoch by epoch.

    Its length and its share of noise are those that predict each curve best from the others. What the seed of a trial
    adds is smoothed away. A trial fails where the nearest recorded one failed, and takes as long as that.
    """

    def __init__(self, curves: Curves) -> None:
        super().__init__(curves)
        self._surfaces = {study: self._surface(study) for study in self._spaces}

    def _surface(self, study: str) -> tuple[float, Array, Array]:
        """Length of the kernel, mean curve, and weight of each recorded configuration at each epoch (0 for failed)."""
        whole = np.array([curve.state != "failed" for curve in self._recorded[study]])
        weights = np.zeros((len(whole), self._epochs))
        if not whole.any():
            return LENGTHS[0], weights[0], weights
        values = [_to_the_end(curve, self._epochs) for curve in self._recorded[study] if curve.state != "failed"]
        mean = np.log(values).mean(axis=0)
        places = self._places[study][whole]
        gaps = _gaps(places[:, None], places)
        fits = (_fit(gaps, np.log(values) - mean, length, noise) for length, noise in product(LENGTHS, NOISES))
        _, length, weights[whole] = min(fits, key=itemgetter(0))
        return length, mean, weights

    def _answer(self, study: str, nearest: Curve, gaps: Array) -> Iterator[TrialReport]:
        if nearest.state == "failed":
            return super()._answer(study, nearest, gaps)
        length, mean, weights = self._surfaces[study]
        values = np.exp(mean + _kernel(gaps, length) @ weights)
        return _rows(np.minimum.accumulate(values).tolist(), nearest)


def _fit(gaps: Array, values: Array, length: float, noise: float) -> tuple[float, float, Array]:
    """Error at the last epoch of each curve predicted from the others, the length, and the weights of all."""
    inverse = np.linalg.inv(_kernel(gaps, length) + noise * np.eye(len(values)))
    weights: Array = inverse @ values
    left_out = weights[:, -1] / np.diag(inverse)  # Rasmussen and Williams, Gaussian Processes, 2006, equation 5.12
    return float((left_out**2).mean()), length, weights


def _kernel(gaps: Array, length: float) -> Array:
    kernel: Array = np.exp(-gaps / (2 * length**2))
    return kernel


def _gaps(some: Array, others: Array) -> Array:
    """Squared distances."""
    gaps: Array = np.nansum((some - others) ** 2, axis=-1)
    return gaps


def _place(dimensions: Sequence[Dimension], params: Mapping[str, Any]) -> list[float]:
    """Coordinates of a configuration; a number that it does not have is NaN, and does not count."""
    return list(chain.from_iterable(dimension.place(params.get(dimension.path, math.nan)) for dimension in dimensions))


def _to_the_end(curve: Curve, epochs: int) -> list[float]:
    """The values of a recorded trial as if early stopping had not seen it."""
    missing = epochs - len(curve.values) if curve.state != "failed" else 0
    return [*curve.values, *list(curve.values[-1:]) * missing]


def _rows(values: Sequence[float], recorded: Curve) -> Iterator[TrialReport]:
    """What a trial with these values reports, that ends as the recorded one did and takes as long an epoch."""
    last = len(values) if recorded.state != "failed" else math.inf
    seconds = recorded.seconds / max(len(recorded.values), 1)
    for epoch, value in enumerate(values, 1):
        yield TrialReport("complete" if epoch == last else "running", "", epoch, {OBJECTIVE: value, "seconds": seconds})
    yield TrialReport("failed", "failed when it was recorded")
