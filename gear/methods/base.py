"""What every method provides; the loop, data, seeds, checkpoints and evaluation are shared.

A method is a configuration, a model and the way it learns: by the loss of a batch, step by step (`Method`), or at once
(`gear.methods.fitted`). Tasks are counted from 0, the target; sources follow.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from gear.config import TrialConfig
from gear.errors import InputDataError
from gear.methods.pair_batch import PairBatch
from gear.methods.spec import MethodSpec
from gear.model.embedding import EmbeddingNetwork
from gear.model.molecules import MoleculeBatch

__all__ = ["LossTerms", "Method", "Model", "mean_of"]


class LossTerms(NamedTuple):
    """Loss of a batch by term, unweighted, and the share of molecules whose metric was near singular."""

    terms: dict[str, Tensor]  # each () or, of M models that are computed as one, (M,)
    failed_share: Tensor


class Model(nn.Module, ABC):
    """What predicts a target, however it has learnt: all that evaluation, exports and predictions need.

    Attributes:
        spec: its name, search space and settings.
        sees_sources: whether it learns from source molecules beside the target's, and predicts the sources too.
        notes: sentences the user should read once.
    """

    spec: ClassVar[MethodSpec]
    sees_sources: ClassVar[bool] = False

    def __init__(self, config: TrialConfig, sources: int) -> None:
        super().__init__()
        self.config = config
        self.notes: tuple[str, ...] = ()

    @abstractmethod
    def predict(self, molecules: MoleculeBatch, task: int = 0) -> Tensor:
        """Predictions of a task (B,), standardised; of sources only where `sees_sources`."""

    @property
    def learns_from_sources(self) -> bool:
        """Whether any of the training reads source molecules."""
        return self.sees_sources

    @property
    def embedding_kinds(self) -> frozenset[str]:
        """Forms of molecules that training reads."""
        return self.predicting_kinds

    @property
    def predicting_kinds(self) -> frozenset[str]:
        """Forms of molecules that a prediction of the target reads."""
        return frozenset({self.config.embedding.kind})

    def read_columns(self, count: int) -> None:
        """Read so many of the user's feature columns, `MoleculeBatch.columns`; called once, after the model is built.

        Every embedding reads them; a method without one must override this.

        Raises:
            InputDataError: the method reads no feature columns.
        """
        embeddings = [module for module in self.modules() if isinstance(module, EmbeddingNetwork)]
        if not embeddings:
            raise InputDataError(
                f"method {self.spec.name} reads no feature columns: leave it out, or leave out --features"
            )
        for embedding in embeddings:
            embedding.read_columns(count)

    def check_state(self) -> None:
        """Check that what was loaded can predict; called after an export is loaded, which may be damaged or forged.

        `load_state_dict` has checked the shapes of all but a fitted method's buffers.

        Raises:
            ValueError: it cannot; the message says why.
        """

    def describe(self, molecules: MoleculeBatch) -> dict[str, float]:
        """Numbers that describe the latent spaces at some molecules, for `EpochResult.geometry`."""
        return {}


class Method(Model):
    """A model with its losses, trained step by step, for a target and a number of sources.

    Attributes:
        one_embedding: whether all tasks share one embedding, so that target and source must be read in one form.
    """

    one_embedding: ClassVar[bool] = False

    def __init__(self, config: TrialConfig, sources: int) -> None:
        super().__init__(config, sources)
        if self.one_embedding and config.embedding.of_source.kind != config.embedding.kind:
            raise InputDataError(
                f"method {self.spec.name} has one embedding for all tasks: embedding.source_kind must be 'same'"
            )

    @abstractmethod
    def loss_terms(self, batch: PairBatch, step: int, generator: torch.Generator) -> LossTerms:
        """Terms of a batch; a term that is not evaluated at this step is left out.

        Args:
            batch: molecules of the tasks.
            step: of the whole training, from 0.
            generator: on the CPU, the only randomness beside the device's own, which is seeded alike.
        """

    @property
    def begins_with_sources(self) -> bool:
        """Whether the sources are trained alone before the first epoch, for `training.source_epochs`."""
        return False

    @property
    def learns_from_sources(self) -> bool:
        """Whether any of the training reads source molecules."""
        return self.sees_sources or self.begins_with_sources

    @property
    def embedding_kinds(self) -> frozenset[str]:
        """Forms of molecules that training reads."""
        embedding = self.config.embedding
        return frozenset({embedding.kind, embedding.of_source.kind} if self.learns_from_sources else {embedding.kind})

    def source_terms(self, batch: PairBatch) -> dict[str, Tensor]:
        """Loss of a batch by term while the sources are trained alone."""
        raise NotImplementedError

    def adopt_source(self) -> None:
        """Take over what the sources have learnt; called once, after they were trained alone."""

    def fit_inputs(self, molecules: MoleculeBatch) -> None:
        """Scale the inputs by the molecules of all training parts that the method learns from; called once, first."""
        for module in self.modules():
            if isinstance(module, EmbeddingNetwork):
                module.fit_inputs(molecules)

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """The weighted sum."""
        return sum((self.weight(name) * term for name, term in terms.items() if name != "reg"), start=terms["reg"])

    def weight(self, term: str) -> float:
        """Of a loss term beside the regression, which has weight 1: a plug-in's own terms have theirs in `settings`."""
        weights, settings = self.config.weights, self.config.settings
        return float(settings[term] if term in settings else getattr(weights, term))

    def sources_mse(self, predictions: list[Tensor], batch: PairBatch) -> Tensor:
        """Regression loss of the sources' predictions, (B,) each, averaged over the sources."""
        return mean_of([batch.mse(prediction, task) for task, prediction in enumerate(predictions, 1)])


def mean_of(terms: list[Tensor]) -> Tensor:
    """The mean of a term over the sources, so that a weight means the same whatever their number."""
    return terms[0] if len(terms) == 1 else torch.stack(terms).mean(0)
