"""Labels as a model sees them: transformed, then standardised by the training part."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Scaler", "vary"]

LEAST_SHARE = 1e-12  # of the largest value: a smaller spread is one of rounding


@dataclass(frozen=True, slots=True)
class Scaler:
    """Maps values in units to standardised ones and back. `log10` is applied before standardising."""

    mean: float
    sd: float
    log10: bool

    @classmethod
    def fit(cls, values: np.ndarray, log10: bool) -> "Scaler":
        """The scaler of a training part, from its values in units."""
        transformed = np.log10(values) if log10 else values
        sd = float(transformed.std())
        return cls(float(transformed.mean()), sd if vary(transformed) else 1.0, log10)

    def standardise(self, values: np.ndarray) -> np.ndarray:
        """Units to standardised."""
        transformed = np.log10(values) if self.log10 else values
        return np.asarray((transformed - self.mean) / self.sd)

    def to_units(self, standardised: np.ndarray) -> np.ndarray:
        """Standardised to units."""
        transformed = np.asarray(standardised, np.float64) * self.sd + self.mean
        return np.asarray(10.0**transformed if self.log10 else transformed)


def vary(values: np.ndarray) -> bool:
    """Whether values (N,) differ by more than rounding does."""
    return bool(np.ptp(values) > LEAST_SHARE * np.abs(values).max())
