"""The console that a command prints to, and a plan in a few lines."""

from functools import partial

from rich.console import Console

from gear.config import EmbeddingConfig
from gear.pretrain.recipe import Shape
from search.plan.campaign_plan import CampaignPlan
from search.plan.settings import SearchSettings

__all__ = ["make_console", "plan_text"]

PLAIN_WIDTH = 10_000  # a table takes only what it needs


def make_console() -> Console:
    """Standard output; where it is no terminal, wide enough that nothing in a table is cut.

    Texts are shown as they are. As markup, the `[nH]` of a SMILES would vanish, and a `[/` raise an error; its `:o:`
    would become an emoji.
    """
    console = partial(Console, highlight=False, markup=False, emoji=False)
    return terminal if (terminal := console()).is_terminal else console(width=PLAIN_WIDTH)


def plan_text(plan: CampaignPlan) -> str:
    """A plan in a few lines."""
    search, studies = plan.search, len(plan.studies)
    pairs = ", ".join(pair.id for pair in plan.pairs) if len(plan.pairs) <= 4 else f"{len(plan.pairs)} pairs"
    counted = "1 study" if studies == 1 else f"{studies} studies"
    return "\n".join(
        [
            f"campaign {plan.name}: {counted} = {pairs} x {', '.join(plan.splits)} x {', '.join(plan.methods)}",
            f"  {search.trials} trials per study, {studies * search.trials} in all, of at most {plan.epochs} epochs; "
            f"sampler {search.sampler}, {_pruning(search)}",
            *_selection(plan),
            *_pretrained(plan.config.embedding),
            f"  seed {search.seed}, split seed {search.split_seed}, "
            f"{search.cpus_per_trial} CPUs and {search.gpus_per_trial:g} GPUs per trial",
        ]
    )


def _pretrained(embedding: EmbeddingConfig) -> list[str]:
    """Where embeddings begin with pretrained weights: with which, of what shape."""
    if embedding.pretrained == "none":
        return []
    return [f"  embeddings begin with pretrained weights: {embedding.pretrained}, {Shape.of(embedding)}"]


def _pruning(search: SearchSettings) -> str:
    if search.pruner == "none":
        return "no early stopping"
    return f"pruner {search.pruner} after {search.grace_steps} steps"


def _selection(plan: CampaignPlan) -> list[str]:
    """How the winner is found, where that takes more training than a model for each trial."""
    search, told = plan.search, []
    splits_with: dict[int, list[str]] = {}
    for split in plan.splits:
        splits_with.setdefault(plan.folds(split, "search"), []).append(split)
    for folds, splits in splits_with.items():
        if folds > 1:
            where = f" on {' '.join(splits)}" if len(splits_with) > 1 else ""
            told.append(f"{folds} validation folds per trial{where}")
    if search.finalists > 1:
        told.append(f"the best {search.finalists} again on {search.finalist_seeds} fresh seeds")
    if search.final == "refit":
        told.append(f"the winner refitted on {search.refit_folds} folds x {search.refit_seeds} seeds")
    if search.final == "blend":
        told.append(f"and the mean of some of the best {search.blend_candidates} trials of each method")
    if search.final_labels == "all":
        told.append(f"the exported models trained on all labels with {search.refit_seeds} seeds")
    return ["  " + ", ".join(told)] if told else []
