"""Configuration of one trial: frozen dataclasses, parsed once where they enter and passed on unchanged.

`TrialSpec` is everything a training run depends on (data, split, model, seed); its JSON is what
`python -m gear.train` reads, what the search hands to a worker and what a campaign records.
"""

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gear.errors import InputDataError

__all__ = [
    "AGGREGATIONS",
    "KEY_VERSION",
    "Aggregation",
    "Censored",
    "CurvatureConfig",
    "EmbeddingConfig",
    "EncoderConfig",
    "KeyVersion",
    "LossWeights",
    "PairSpec",
    "TaskSpec",
    "TrainingConfig",
    "TransferConfig",
    "TrialConfig",
    "TrialSpec",
    "Value",
    "joined_kinds",
]

DEEPEST, LARGEST = 1000, 10**9  # layers, steps or folds of a network, and any other number of a configuration
LAST_SEED = 2**63 - 1
Value = bool | int | float | str  # of one setting
# columns of splits and predictions, which show feature columns beside them
RESERVED = "smiles value part role task prediction low high spread similarity unit reason".split()

Censored = Literal["refuse", "drop", "bound", "learn"]
KeyVersion = Literal[1, 2]  # of what a split keeps together
KEY_VERSION: KeyVersion = 2  # of new pairs


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One task: a built-in property, or a column of a user's file.

    `file` None means the built-in property of that code. `unit` and `log10` describe a user's column;
    a built-in property has its own. `split_column` names the column that holds the part of each row, for the split
    `file`. `features` names numeric columns of the file that models read beside the molecule. `censored` says what
    becomes of values that are bounds, such as `<0.5`: bad rows, dropped, taken as values, or learnt as bounds.
    """

    property: str
    file: str | None = None
    column: str | None = None
    smiles_column: str = "smiles"
    unit: str = ""
    log10: bool = False
    split_column: str | None = None
    drop_bad_rows: bool = False
    features: tuple[str, ...] = ()
    censored: Censored = "refuse"

    def __post_init__(self) -> None:
        """Check the names of the feature columns.

        Raises:
            InputDataError: one is named twice, has another use already, or there is no file to read it from.
        """
        used = {self.column, self.smiles_column, self.split_column, *RESERVED}
        if self.features and self.file is None:
            raise InputDataError(f"{self.property} is a built-in property, which has no column '{self.features[0]}'")
        for index, name in enumerate(self.features):
            if (twice := name in self.features[:index]) or name in used:
                fault = "is named twice" if twice else "has a name with another use: rename the column"
                raise InputDataError(f"the feature column '{name}' of {self.property} {fault}")


@dataclass(frozen=True, slots=True)
class PairSpec:
    """A target task and the tasks it learns from, which may lack some of its feature columns; or no such task.

    `key_version` says which molecules a split keeps together: 1 those of one parent, as earlier versions did, 2 all
    forms of one molecule.
    """

    target: TaskSpec
    sources: tuple[TaskSpec, ...]
    key_version: KeyVersion = KEY_VERSION

    def __post_init__(self) -> None:
        """Check that no task is named twice, and that no source has a feature column that the target lacks.

        Raises:
            InputDataError: two tasks have the same name, or a source has such a column.
        """
        names = [task.property for task in (self.target, *self.sources)]
        if len(set(names)) < len(names):
            raise InputDataError(f"pair '{self.id}' names a task twice: target and sources must differ")
        for source in self.sources:
            if more := [name for name in source.features if name not in self.target.features]:
                lacking = f"source {source.property} has the feature column '{more[0]}', which target {names[0]} lacks"
                raise InputDataError(f"{lacking}: name it for the target too, or for neither")

    @property
    def id(self) -> str:
        """The pair's name, `hv_from_ds`; several sources are joined, `hv_from_bp+ds`; without a source, `hv`."""
        sources = "+".join(task.property for task in self.sources)
        return f"{self.target.property}_from_{sources}" if sources else self.target.property

    @property
    def is_built_in(self) -> bool:
        """Whether all tasks are built-in properties, so that the id says everything."""
        return all(task.file is None for task in (self.target, *self.sources))


DropoutPlace = Literal["states", "atoms", "molecule"]
Aggregation = Literal["norm", "sum", "mean", "attentive"]
AGGREGATIONS: tuple[Aggregation, ...] = typing.get_args(Aggregation)


def joined_kinds(kind: str) -> tuple[str, ...]:
    """The kinds that a kind of embedding joins by `+`; a single one is itself."""
    return tuple(kind.split("+"))


@dataclass(frozen=True, slots=True)
class EmbeddingConfig:
    """From a molecule to a vector.

    Attributes:
        kind: `dmpnn` reads the molecular graph, `descriptors` RDKit's, `fingerprint` a Morgan fingerprint with a few
            descriptors, `text` the SMILES; `my_module:MyEmbedding` is a user's own (`gear.embeddings`). Several are
            joined by `+`, the main one first: `dmpnn+descriptors`.
        source_kind: the `kind` of the source branches; `same` means that of the target.
        width: of the embedding and its hidden layers.
        depth: message-passing steps, hidden layers or convolutions.
        dropout: rate, after every hidden layer; of `dmpnn`, where `dropout_place` says.
        dropout_place: of `dmpnn`: after every step on the states of bonds and atoms, equal ones of a batch alike
            (`states`) or each by itself (`atoms`), so that all are computed; or once on the molecule's vector
            (`molecule`).
        aggregation: of the atoms' states to the molecule's, by `dmpnn`: their sum over `aggregation_norm`, their sum,
            their mean, which does not distinguish a long chain from a short one, or a mean with learned weights.
        aggregation_norm: the constant of `norm`.
        pretrained: the weights that `dmpnn` begins with: `none` for random ones, `descriptors` for those of
            `gear-search pretrain`, or the path of a file (`gear.pretrain.start`).
        pretrained_hash: digest of that file, which is checked where it is read; empty for no check.
    """

    kind: str = "dmpnn"
    source_kind: str = "same"
    width: int = 64
    depth: int = 3
    dropout: float = 0.0
    dropout_place: DropoutPlace = "states"
    aggregation: Aggregation = "norm"
    aggregation_norm: float = 10.0
    pretrained: str = "none"
    pretrained_hash: str = ""

    @property
    def pretrained_file(self) -> Path | None:
        """The file of pretrained weights, None where no file is named."""
        return None if self.pretrained in ("none", "descriptors") else Path(self.pretrained)

    @property
    def of_source(self) -> "EmbeddingConfig":
        """The embedding of a source branch."""
        kind = self.kind if self.source_kind == "same" else self.source_kind
        return dataclasses.replace(self, kind=kind)


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """SiLU MLP from the embedding to the latent space: hidden layers, their width, the latent dimension n."""

    depth: int = 1
    width: int = 64
    latent: int = 50


@dataclass(frozen=True, slots=True)
class TransferConfig:
    """Transfer and inverse transfer modules: hidden layers, their width, frame width m, isometric skip, initial gain.

    `prediction` of the target is by its own branch (`direct`), through the branch of the source (`mapped`: the target's
    head on the target's inverse transfer of the source's frame point), or the mean of both.
    `gain` scales the orthogonal initialisation of hidden layers: at 2 the curvature of the default slice is of order
    1e-2 to 1e-1 from the start. A nearly linear module has no curvature to match.
    """

    depth: int = 1
    inverse_depth: int = 1
    width: int = 64
    frame: int = 50
    skip: bool = True
    gain: float = 2.0
    prediction: Literal["direct", "mapped", "mean"] = "mean"


@dataclass(frozen=True, slots=True)
class CurvatureConfig:
    """What the metric and curvature losses compare, and on how many molecules of a batch.

    Attributes:
        matching: what both branches must share: the Ricci scalar (the method), the mean-curvature vector, the traced
            Hessian (depends on the latent coordinates), distances between perturbed points (as GATE does), nothing.
        discrepancy: `mse`, or `concordance` (Lin's coefficient), which does not reward both going to one constant.
        immersion: whose curvature. `slice`: the map restricted to the `slice_rank` leading principal directions of the
            latent batch, curved at any frame width. `frame`: the whole latent space, curved only if the frame is
            wider. `graph`: the whole latent space in the frame and, scaled by `graph_scale`, the head's prediction.
        metric: whether the round trip or only the transfer must be an isometry.
        molecules: how many of a batch are drawn at random; `concordance` draws at least 64.
        every: steps from one evaluation of both terms to the next; their weight is multiplied by this number.
    """

    matching: Literal["ricci", "mean_curvature", "hessian", "distance", "none"] = "ricci"
    discrepancy: Literal["mse", "concordance"] = "mse"
    immersion: Literal["slice", "frame", "graph"] = "slice"
    slice_rank: int = 24
    graph_scale: float = 1.0
    metric: Literal["roundtrip", "isometry"] = "roundtrip"
    molecules: int = 16
    every: int = 4


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the loss terms beside the target's regression; a method reads those of the terms it has.

    Attributes:
        auto: alpha, way back from the frame (GEAR, GATE).
        cons: beta, one place in the frame (GEAR, GATE).
        map: gamma, predictions across branches (GEAR, GATE).
        metric: delta, flat frames (GEAR).
        curv: epsilon, curvature (GEAR).
        dist: distances in the frame to perturbed points (GATE).
        source: the source's regression (MTL).
        distil: likeness to the source's trained model (KD, GSP-KD).
    """

    auto: float = 0.3
    cons: float = 0.1
    map: float = 1.0
    metric: float = 0.03
    curv: float = 1.0
    dist: float = 0.3
    source: float = 1.0
    distil: float = 0.3


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Optimisation: AdamW with a cosine schedule to a tenth of the learning rate.

    `batch_size` counts target molecules of a step; as many source molecules join them. An epoch is one pass over
    the target's training part, or as many whole passes as make at least `epoch_steps` steps: whatever counts epochs
    (the budget, rungs of early stopping, patience, checkpoints) then means much the same for 50 labels as for 1,600.
    `ema` 0 switches the moving average of the weights off. `source_epochs` are passes over only the source before the
    first epoch, for methods that begin with a trained source, of `source_molecules` molecules in all at most (0 for no
    limit), so that a source of a million is passed twice; `warm_start` makes GEAR and GATE one of them. `patience` 0
    switches early stopping off. `keep` says whose weights are kept: those of the epoch with the lowest validation
    RMSE, or the last ones.
    """

    epochs: int = 20
    epoch_steps: int = 25
    batch_size: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    clip: float = 5.0
    ema: float = 0.98
    warm_start: bool = True
    source_epochs: int = 20
    source_molecules: int = 2_000_000
    patience: int = 25
    keep: Literal["best", "last"] = "best"

    def batches(self, molecules: int) -> int:
        """Steps of a pass over so many training molecules of the target."""
        return -(-molecules // self.batch_size)

    def steps(self, molecules: int) -> int:
        """Steps of an epoch with so many training molecules of the target."""
        batches = self.batches(molecules)
        return batches * -(-self.epoch_steps // batches)

    def source_passes(self, molecules: int) -> float:
        """Passes over the so many molecules of all sources before the first epoch."""
        if not self.source_molecules:
            return self.source_epochs
        return min(self.source_epochs, self.source_molecules / molecules)


@dataclass(frozen=True, slots=True)
class TrialConfig:
    """One configuration of a method: everything that the search may vary, and the seed.

    Attributes:
        method: its name, or NAME=PATH of a user's own (`gear.methods.plugin`).
        settings: those that a method has of its own, by their names; see `gear.methods.spec.MethodSpec`.
    """

    method: str = "gear"
    seed: int = 0
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    transfer: TransferConfig = field(default_factory=TransferConfig)
    curvature: CurvatureConfig = field(default_factory=CurvatureConfig)
    weights: LossWeights = field(default_factory=LossWeights)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    settings: Mapping[str, Value] = field(default_factory=dict, hash=False)  # a dict cannot be hashed

    def __post_init__(self) -> None:
        """Check that every value is in its range.

        Raises:
            InputDataError: a value is out of range.
        """
        positive = {
            "embedding.width": self.embedding.width,
            "embedding.depth": self.embedding.depth,
            "embedding.aggregation_norm": self.embedding.aggregation_norm,
            "encoder.width": self.encoder.width,
            "encoder.latent": self.encoder.latent,
            "transfer.depth": self.transfer.depth,
            "transfer.inverse_depth": self.transfer.inverse_depth,
            "transfer.width": self.transfer.width,
            "transfer.frame": self.transfer.frame,
            "transfer.gain": self.transfer.gain,
            "curvature.slice_rank": self.curvature.slice_rank,
            "curvature.molecules": self.curvature.molecules,
            "curvature.graph_scale": self.curvature.graph_scale,
            "curvature.every": self.curvature.every,
            "training.epochs": self.training.epochs,
            "training.epoch_steps": self.training.epoch_steps,
            "training.batch_size": self.training.batch_size,
            "training.source_epochs": self.training.source_epochs,
            "training.learning_rate": self.training.learning_rate,
            "training.clip": self.training.clip,
        }
        for name, value in positive.items():
            if not value > 0:
                raise InputDataError(f"{name} must be positive, got {value}")
            if value > (largest := DEEPEST if name.endswith("depth") else LARGEST):
                raise InputDataError(f"{name} must be at most {largest:,}, got {value}")
        _require_range("encoder.depth", self.encoder.depth, 0, DEEPEST)
        _require_range("training.source_molecules", self.training.source_molecules, 0, LARGEST)
        _require_range("training.patience", self.training.patience, 0, LARGEST)
        terms = [field.name for field in dataclasses.fields(self.weights)]
        known = [(f"weights.{term}", getattr(self.weights, term)) for term in terms]
        for name, value in (*known, ("training.weight_decay", self.training.weight_decay)):
            if not 0 <= value < float("inf"):
                raise InputDataError(f"{name} must be zero or positive, got {value}")
        if not 0 <= self.embedding.dropout < 1:
            raise InputDataError(f"embedding.dropout must lie in [0, 1), got {self.embedding.dropout}")
        if not 0 <= self.training.ema < 1:
            raise InputDataError(f"training.ema must lie in [0, 1), got {self.training.ema}")


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """Everything that a training run depends on: the data, the split, the configuration, the number of threads.

    `folds` models are trained side by side, each with validation molecules of its own (`gear.training.folds`): those of
    fold `fold` and of the folds after it. Together they may use the share `gpu_share` of a GPU's memory; 0 means all.
    With `labels` `all` the target is trained on its validation and test part, too (`gear.data.all_labels`).
    """

    pair: PairSpec
    split: str
    split_seed: int = 0
    threads: int = 1
    config: TrialConfig = field(default_factory=TrialConfig)
    folds: int = 1
    gpu_share: float = 0.0
    fold: int = 0
    labels: Literal["train", "all"] = "train"

    def __post_init__(self) -> None:
        """Check that every number is in its range.

        Raises:
            InputDataError: one is out of range.
        """
        _require_range("threads", self.threads, 1, LARGEST)
        _require_range("folds", self.folds, 1, DEEPEST)
        _require_range("fold", self.fold, 0, LARGEST)
        _require_range("gpu_share", self.gpu_share, 0, LARGEST)  # above 1 where a trial has several GPUs
        _require_range("split_seed", self.split_seed, 0, LAST_SEED)
        _require_range("config.seed", self.config.seed, 0, LAST_SEED)


def _require_range(name: str, value: float, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InputDataError(f"{name} must be from {least} to {most:,}, got {value}")
