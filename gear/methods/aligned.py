"""What GEAR and GATE have in common: a branch a task, whose latent spaces meet in one flat frame.

Every molecule of a batch, whatever task knows it, goes through the branch of every task k:
z_k = encoder_k(embedding_k(x)), frame point z'_k = transfer_k(z_k), way back inverse_k(z'_k), head_k(z_k).

With several sources every pairwise term is between the target and one source, averaged over the sources, so the cost
grows linearly with their number (the multi-task form of GATE, arXiv 2405.01974, pairs all tasks).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gear.config import TrialConfig
from gear.geometry import participation_ratio
from gear.methods.base import Method, mean_of
from gear.methods.losses import point_mse
from gear.methods.pair_batch import PairBatch
from gear.model.branch import Branch
from gear.model.embedding import EmbeddingNetwork
from gear.model.molecules import MoleculeBatch

__all__ = ["Aligned"]


class Aligned(Method):
    """Branches, and the four terms that need no geometry: regression, autoencoder, consistency, mapping."""

    sees_sources = True

    def __init__(self, config: TrialConfig, sources: int) -> None:
        super().__init__(config, sources)
        kinds = [config.embedding] + [config.embedding.of_source] * (0 if self.one_embedding else sources)
        # typed by what they hold, which a ModuleList does not tell
        self.embeddings: Sequence[EmbeddingNetwork] = nn.ModuleList(map(EmbeddingNetwork, kinds))  # type: ignore[assignment]
        self.branches: Sequence[Branch] = nn.ModuleList(Branch(config) for _ in range(1 + sources))  # type: ignore[assignment]

    @property
    def begins_with_sources(self) -> bool:
        """Where the configuration asks for a warm start."""
        return self.config.training.warm_start

    def embedded(self, molecules: MoleculeBatch, first: int = 0) -> list[Tensor]:
        """Embedding of the molecules for every task from `first` on, (B, width) each."""
        if self.one_embedding:
            return [self.embeddings[0](molecules)] * len(self.branches[first:])
        return [embedding(molecules) for embedding in self.embeddings[first:]]

    def latents(self, molecules: MoleculeBatch, first: int = 0) -> list[Tensor]:
        """Latent points of the molecules for every task from `first` on, (B, n) each."""
        embedded = self.embedded(molecules, first)
        return [branch.encoder(e) for branch, e in zip(self.branches[first:], embedded, strict=True)]

    def frames(self, latents: list[Tensor]) -> list[Tensor]:
        """Frame points of every task's latent points, (B, m) each."""
        return [branch.transfer(z) for branch, z in zip(self.branches, latents, strict=True)]

    def alignment_terms(self, latents: list[Tensor], frames: list[Tensor], batch: PairBatch) -> dict[str, Tensor]:
        """Regression, autoencoder, consistency and mapping, those that have a weight."""
        sources = self.branches[1:]
        own = [branch.head(z) for branch, z in zip(self.branches, latents, strict=True)]
        terms = {"reg": batch.mse(own[0]) + self.sources_mse(own[1:], batch)}
        weights = self.config.weights
        if weights.auto > 0:
            auto = [point_mse(b.inverse(f), z) for b, f, z in zip(self.branches, frames, latents, strict=True)]
            terms["auto"] = auto[0] + mean_of(auto[1:])
        if weights.cons > 0:
            terms["cons"] = mean_of([point_mse(frame, frames[0]) for frame in frames[1:]])
        if weights.map > 0:
            to_target = [batch.mse(mapped) for mapped in self._mapped_to_target(frames[1:])]
            to_source = self.sources_mse([b.head(b.inverse(frames[0])) for b in sources], batch)
            terms["map"] = mean_of(to_target) + to_source
        return terms

    @property
    def predicting_kinds(self) -> frozenset[str]:
        """Those of both branches where the sources' predict with the target's."""
        embedding = self.config.embedding
        return frozenset(
            {embedding.kind} if self._way_to_target == "direct" else {embedding.kind, embedding.of_source.kind}
        )

    @property
    def _way_to_target(self) -> str:
        """How the target is predicted: without the mapping loss nothing trains the way through the sources."""
        return self.config.transfer.prediction if self.config.weights.map > 0 else "direct"

    def predict(self, molecules: MoleculeBatch, task: int = 0) -> Tensor:
        """Predictions of a task (B,), standardised: a source's by its own branch, the target's as configured."""
        way = self._way_to_target
        if task > 0 or way == "direct":
            branch = self.branches[task]
            embedding = self.embeddings[0 if self.one_embedding else task]
            direct: Tensor = branch.head(branch.encoder(embedding(molecules)))
            return direct
        latents = self.latents(molecules)
        mapped = mean_of(self._mapped_to_target(self.frames(latents)[1:]))
        return mapped if way == "mapped" else (self.branches[0].head(latents[0]) + mapped) / 2

    def _mapped_to_target(self, frames: list[Tensor]) -> list[Tensor]:
        """Predictions of the target (B,) from the frame points of each source."""
        target = self.branches[0]
        return [target.head(target.inverse(frame)) for frame in frames]

    def source_terms(self, batch: PairBatch) -> dict[str, Tensor]:
        """Regression and autoencoder loss of the source branches."""
        sources, latents = self.branches[1:], self.latents(batch.molecules, first=1)
        auto = [point_mse(b.inverse(b.transfer(z)), z) for b, z in zip(sources, latents, strict=True)]
        reg = self.sources_mse([b.head(z) for b, z in zip(sources, latents, strict=True)], batch)
        return {"reg": reg, "auto": mean_of(auto)}

    def adopt_source(self) -> None:
        """Give the target the first source's embedding and encoder, where it reads molecules in the same form.

        Its transfer modules stay its own: two equal branches would make the consistency and curvature terms zero with
        zero gradient. Its head stays too, for it predicts another property.
        """
        if self.config.embedding.of_source.kind == self.config.embedding.kind:
            if not self.one_embedding:
                self.embeddings[0].load_state_dict(self.embeddings[1].state_dict())
            self.branches[0].encoder.load_state_dict(self.branches[1].encoder.state_dict())

    @torch.no_grad()
    def describe(self, molecules: MoleculeBatch) -> dict[str, float]:
        """The effective number of dimensions of the target's latent space."""
        z = self.branches[0].encoder(self.embeddings[0](molecules))
        return {"participation_ratio": float(participation_ratio(z))}
