"""What GEAR and GATE have in common: a branch a task, whose latent spaces meet in one flat frame.

Every molecule of a batch, whatever task knows it, goes through the branch of every task k:
z_k = encoder_k(embedding_k(x)), frame point z'_k = transfer_k(z_k), way back inverse_k(z'_k), head_k(z_k). The branches
are one grouped module (`gear.grouped`), so that a step computes all of them by the same operations.

With several sources every pairwise term is between the target and one source, averaged over the sources, so the cost
grows linearly with their number (the multi-task form of GATE, arXiv 2405.01974, pairs all tasks).

Shapes: T tasks, M models that are computed as one (`gear.methods.joint`), G = T M groups, those of a task side by side.
"""

import torch
from torch import Tensor, nn

from gear.config import TrialConfig
from gear.geometry import participation_ratio
from gear.grouped import part, stack
from gear.methods.base import mean_of
from gear.methods.joint import JointMethod
from gear.methods.losses import point_mse
from gear.methods.pair_batch import PairBatch
from gear.model.branch import Branch
from gear.model.embedding import EmbeddingNetwork
from gear.model.molecules import MoleculeBatch

__all__ = ["Aligned"]

GROUPED = ("dmpnn",)  # embeddings whose networks can be computed as one


class Aligned(JointMethod):
    """Branches, and the four terms that need no geometry: regression, autoencoder, consistency, mapping."""

    sees_sources = True

    def __init__(self, config: TrialConfig, sources: int) -> None:
        super().__init__(config, sources)
        kinds = [config.embedding] + [config.embedding.of_source] * (0 if self.one_embedding else sources)
        networks = [EmbeddingNetwork(kind) for kind in kinds]
        self.tasks = 1 + sources
        self.embeds_at_once = len(networks) > 1 and all(one.kind in GROUPED for one in kinds)
        # a network a task: one grouped module, or a list where they read different forms or there is only one for all
        self.embeddings: nn.Module = stack(networks) if self.embeds_at_once else nn.ModuleList(networks)
        self.branches = stack([Branch(config) for _ in range(self.tasks)])

    @property
    def begins_with_sources(self) -> bool:
        """Where the configuration asks for a warm start."""
        return self.config.training.warm_start

    def embedded(self, molecules: MoleculeBatch, first: int = 0, stop: int | None = None) -> Tensor:
        """Embeddings (G, B, width) of the molecules for the tasks from `first` to `stop`."""
        if self.embeds_at_once:
            found: Tensor = self._of_tasks(self.embeddings, first, stop)(molecules)
            return found
        networks = list(self.embeddings.children())
        if self.one_embedding:
            shared = self._by_member(networks[0](molecules))
            return shared.expand(len(range(self.tasks)[first:stop]), *shared.shape[1:]).flatten(0, 1)
        return torch.cat([self._by_member(network(molecules))[0] for network in networks[first:stop]])

    def latents(
        self, molecules: MoleculeBatch, first: int = 0, stop: int | None = None, real: Tensor | None = None
    ) -> Tensor:
        """Latent points (G, B, n) of the molecules for the tasks from `first` to `stop`; `real`: of `PairBatch`."""
        encoder = self._of_tasks(self.branches.encoder, first, stop)
        z: Tensor = encoder(self.embedded(molecules, first, stop), self._of_groups(real, first, stop))
        return z

    def _of_tasks(self, module: nn.Module, first: int, stop: int | None) -> nn.Module:
        """The groups of the tasks from `first` to `stop`."""
        tasks = range(self.tasks)[first:stop]
        if len(tasks) == self.tasks:
            return module
        return part(module, tasks.start * self.members, tasks.stop * self.members)

    def _of_groups(self, real: Tensor | None, first: int = 0, stop: int | None = None) -> Tensor | None:
        """Which points of each group are molecules."""
        return None if real is None else real.repeat(len(range(self.tasks)[first:stop]), 1)

    def _by_member(self, values: Tensor) -> Tensor:
        """Values of groups (G, ...), or of a module that is not grouped, as (tasks, M, ...)."""
        return values.unflatten(0, (-1, self.members)) if values.dim() > 2 else values[None, None]

    def alignment_terms(self, latents: Tensor, frames: Tensor, batch: PairBatch) -> dict[str, Tensor]:
        """Regression, autoencoder, consistency and mapping, those that have a weight; (M,) each.

        Args:
            latents: (G, B, n).
            frames: (G, B, m) of all latent points.
            batch: their molecules, which are B or fewer than the points: a method may have added some after them.
        """
        weights = self.config.weights
        goes_back, maps = weights.auto > 0, weights.map > 0
        ways = self._ways_back(frames, own=goes_back, others=maps)
        back, points = ways[0] if goes_back else None, [latents, *(ways[-1:] if maps else [])]
        predicted = self.branches.head(torch.cat(points, 1)).view(self.tasks, self.members, len(points), -1)
        error = batch.joint_mse(predicted)  # (T, M, 1 or 2)
        terms = {"reg": error[0, :, 0] + error[1:, :, 0].mean(0)}
        if back is not None:
            auto = point_mse(back, latents, self._of_groups(batch.real)).view(self.tasks, -1)
            terms["auto"] = auto[0] + auto[1:].mean(0)
        if weights.cons > 0:
            by_task = self._by_member(frames)
            terms["cons"] = point_mse(by_task[1:], by_task[:1], batch.real).mean(0)
        if maps:
            to_target = [error[0, :, 1]]
            if self.tasks > 2:
                others = self._mapped_to_target(frames, first=2).movedim(0, 1)
                to_target += batch.joint_mse(others[None])[0].unbind(1)
            terms["map"] = mean_of(to_target) + error[1:, :, 1].mean(0)
        return terms

    def _ways_back(self, frames: Tensor, *, own: bool, others: bool) -> list[Tensor]:
        """From the frame to each branch's latent space, (G, B, n) each: of its own points, and of another branch's.

        The other is the target's for a source, and the first source's for the target.
        """
        other = [torch.cat([frames[self.members : 2 * self.members], *[frames[: self.members]] * (self.tasks - 1)])]
        points = [*([frames] if own else []), *(other if others else [])]
        if not points:
            return []
        ways: Tensor = self.branches.inverse(torch.cat(points, 1))
        return list(ways.chunk(len(points), 1))

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
        """Predictions of a task (B,), standardised: a source's by its own branch, the target's as configured.

        Of merged models (M, B).
        """
        way = self._way_to_target
        if task > 0 or way == "direct":
            latents = self.latents(molecules, task, task + 1)
            return self._predictions(self._of_tasks(self.branches.head, task, task + 1)(latents))
        latents = self.latents(molecules)
        mapped = self._mapped_to_target(self.branches.transfer(latents), first=1).mean(0)
        if way == "mapped":
            return self._predictions(mapped)
        direct = self._of_tasks(self.branches.head, 0, 1)(latents[: self.members])
        return self._predictions((direct + mapped) / 2)

    def _predictions(self, found: Tensor) -> Tensor:
        return found[0] if self.members == 1 else found

    def _mapped_to_target(self, frames: Tensor, first: int) -> Tensor:
        """Predictions of the target (S, M, B) from the frame points of the sources from `first` on."""
        inverse, head = (self._of_tasks(module, 0, 1) for module in (self.branches.inverse, self.branches.head))
        points = self._by_member(frames)[first:]  # (S, M, B, m)
        found: Tensor = head(inverse(points.movedim(0, 1).flatten(1, 2)))  # (M, S B)
        predicted: Tensor = found.unflatten(1, (len(points), -1)).movedim(1, 0)
        return predicted

    def joint_source_terms(self, batch: PairBatch) -> dict[str, Tensor]:
        """Regression and autoencoder loss of the source branches."""
        z = self.latents(batch.molecules, first=1, real=batch.real)
        there, back, head = (
            self._of_tasks(module, 1, None)
            for module in (self.branches.transfer, self.branches.inverse, self.branches.head)
        )
        auto = point_mse(back(there(z)), z, self._of_groups(batch.real, 1)).view(-1, self.members)
        reg = batch.joint_mse(head(z).view(-1, self.members, 1, z.shape[1]), first=1)[..., 0]
        return {"reg": reg.mean(0), "auto": auto.mean(0)}

    @torch.no_grad()
    def adopt_source(self) -> None:
        """Give the target the first source's embedding and encoder, where it reads molecules in the same form.

        Its transfer modules stay its own: two equal branches would make the consistency and curvature terms zero with
        zero gradient. Its head stays too, for it predicts another property.
        """
        if self.config.embedding.of_source.kind == self.config.embedding.kind:
            if not self.one_embedding:
                self._hand_over(self.embeddings)
            self._hand_over(self.branches.encoder)

    def _hand_over(self, module: nn.Module) -> None:
        if isinstance(module, nn.ModuleList):
            module[0].load_state_dict(module[1].state_dict())
        else:
            target, source = (part(module, *ends) for ends in ((0, self.members), (self.members, 2 * self.members)))
            for ours, theirs in zip(_tensors(target), _tensors(source), strict=True):
                ours.copy_(theirs)

    @torch.no_grad()
    def describe(self, molecules: MoleculeBatch) -> dict[str, float]:
        """The effective number of dimensions of the target's latent space."""
        return {"participation_ratio": float(participation_ratio(self.latents(molecules, 0, 1)[0]))}


def _tensors(module: nn.Module) -> list[Tensor]:
    """All tensors of a module, in a fixed order."""
    own = [*module._parameters.values(), *module._buffers.values()]
    return [t for t in own if t is not None] + [t for child in module.children() for t in _tensors(child)]
