"""Pretrains a D-MPNN on the molecules at hand, once: the result is kept in the user cache by what it depends on."""

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from gear.data.cache import DamagedFileError, cache_folder, cached, content_key, replace_file
from gear.data.molecules.pack import PackedGraphs, join
from gear.data.task import packed
from gear.errors import InputDataError
from gear.pretrain.molecules import known_molecules
from gear.pretrain.recipe import Recipe
from gear.pretrain.targets import targets
from gear.pretrain.weights import Weights, read_own, write

__all__ = ["pretrained", "save_copy", "summary"]

VERSION = 1  # raised when the code that trains changes the weights


def pretrained(
    recipe: Recipe, own: Sequence[str] = (), say: Callable[[str], None] = lambda line: None
) -> tuple[Weights, Path]:
    """Pretrained weights and their file in the cache, trained at the first call: minutes.

    Args:
        recipe: shape, length and seed.
        own: canonical SMILES of a user's, beside those of `known_molecules`.
        say: takes a line about what is done, nothing where the weights were in the cache.

    Raises:
        InputDataError: too few molecules.
        StorageError: the cache cannot be written.
    """
    known = known_molecules()
    parts = [known, sorted(set(own) - set(known))]
    path = cache_folder() / "pretrained" / f"{_key(recipe, parts)}.safetensors"
    return cached(path, _read, lambda: _train(path, recipe, parts, say)), path


def summary(weights: Weights) -> str:
    """What is known of pretrained weights, in a line."""
    facts = weights.facts
    return (
        f"{weights.shape}; {facts['passes']} passes over {facts['molecules']:,} molecules, seed {facts['seed']}; of "
        f"held-out molecules {facts['explained']:.1%} of the variance of {facts['targets']} targets is explained"
    )


def save_copy(weights: Path, to: Path) -> None:
    """Copy a file of weights out of the cache.

    Raises:
        StorageError: it cannot be written.
    """
    replace_file(to, lambda draft: shutil.copyfile(weights, draft))


def _train(path: Path, recipe: Recipe, parts: Sequence[Sequence[str]], say: Callable[[str], None]) -> None:
    from gear.pretrain.training import train  # not needed where the cache has the weights

    say(f"pretraining a D-MPNN, once: {sum(map(len, parts)):,} molecules, {recipe.shape}, minutes")
    done = train(recipe, join([_graphs(part) for part in parts if part]), targets(parts, recipe.environments))
    say(f"pretrained at {done.molecules_per_second:,.0f} molecules/s")
    write(path, done.weights)


def _graphs(smiles: Sequence[str]) -> PackedGraphs:
    return packed(list(smiles), f"pretraining-{content_key(smiles)}")


def _read(path: Path) -> Weights:
    try:
        return read_own(path)
    except InputDataError as error:
        raise DamagedFileError(str(error)) from error


def _key(recipe: Recipe, parts: Sequence[Sequence[str]]) -> str:
    content = [VERSION, dataclasses.asdict(recipe), [content_key(part) for part in parts]]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:20]
