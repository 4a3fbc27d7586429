"""Values that are only known to a bound: dropped, taken as values or learnt as bounds; never judged as exact."""

import dataclasses

import numpy as np
import pytest
import torch

from gear.config import PairSpec, TaskSpec, TrainingConfig, TrialConfig, TrialSpec
from gear.data import load_pair
from gear.data.all_labels import with_all_labels
from gear.data.user_files.task_file import read_task
from gear.errors import InputDataError
from gear.export import Member, export_model
from gear.methods import METHODS
from gear.testing.pairs import molecules
from gear.train import train_trial
from gear.training.batching import TrainingData

MOLECULES = molecules()
LOW, HIGH = {3, 11, 27, 60, 88}, {5, 19, 44, 71, 102}  # places of the bounds
SPLITS = ["random", "scaffold", "random-fold1", "random-n60", "random-gaussian20", "extrapolation-high"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gear.data.user_files.task_file.cache_folder", lambda: tmp_path / "cache")


def write(rows, name="mine.csv", header="smiles,value"):
    with open(name, "w") as file:
        file.write("\n".join([header, *rows]) + "\n")
    return name


def sign(place):
    return "<" if place in LOW else ">" if place in HIGH else ""


def task(censored, name="mine", features=()):
    heat = ",300" if features else ""
    rows = [f"{smiles},{sign(place)}{place + 1}{heat}" for place, smiles in enumerate(MOLECULES)]
    file = write(rows, f"{name}.csv", "smiles,value" + (",heat" if features else ""))
    return TaskSpec(name, file=file, column="value", censored=censored, features=features)


def pair(censored, split="random", features=()):
    return load_pair(PairSpec(task(censored, features=features), (TaskSpec("hv"),)), split)


BOUNDS = {MOLECULES[place]: -1 if place in LOW else 1 for place in LOW | HIGH}


def test_a_bound_without_a_decision_is_a_bad_row_that_says_what_to_pass():
    with pytest.raises(InputDataError, match="row 5: '<4' is a bound of a value: pass --censored drop"):
        read_task(task("refuse"))


def test_dropped_bounds_are_counted(capfd):
    table = read_task(task("drop"))
    assert len(table.smiles) == len(MOLECULES) - 10
    assert table.bound is None
    assert table.facts["censored, dropped"] == 10
    assert "10 censored, dropped" in capfd.readouterr().err


@pytest.mark.parametrize(("censored", "word"), [("bound", "taken at their bound"), ("learn", "learnt as bounds")])
def test_kept_bounds_are_marked_and_counted(censored, word, capfd):
    table = read_task(task(censored))
    found = dict(zip(table.smiles, zip(table.value, table.bound, strict=True), strict=True))
    assert found == {smiles: (place + 1, BOUNDS.get(smiles, 0)) for place, smiles in enumerate(MOLECULES)}
    assert table.facts[f"censored, {word}"] == 10
    assert f"10 censored, {word}" in capfd.readouterr().err


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("censored", ["bound", "learn"])
def test_no_error_is_of_a_censored_value(split, censored):
    found = pair(censored, split)
    for part in (found.target.validation, found.target.test):
        assert len(part.smiles)
        assert not BOUNDS.keys() & set(part.smiles)
    assert BOUNDS.keys() & set(found.target.train.smiles)


def test_a_source_is_not_validated_on_censored_values():
    found = load_pair(PairSpec(TaskSpec("hv"), (task("learn"),)), "random")
    assert not BOUNDS.keys() & set(found.sources[0].validation.smiles)
    assert found.sources[0].bounds.any()


@pytest.mark.parametrize("features", [(), ("heat",)])
@pytest.mark.parametrize("split", ["random", "random-gaussian20", "random-published20"])
def test_training_knows_which_labels_are_bounds(split, features):
    found = pair("learn", split, features)
    for known in (found, with_all_labels(found)):
        data = TrainingData(known, {"descriptors"}, torch.device("cpu"))
        batch = data.batch(data.train_rows[0])
        of_row = dict(zip(known.target.train.rows.tolist(), known.target.train.smiles, strict=True))
        expected = [BOUNDS.get(of_row[row], 0) for row in data.train_rows[0].tolist()]
        assert batch.bounds[:, 0].tolist() == expected
        assert any(expected)


@pytest.mark.parametrize("censored", ["refuse", "drop", "bound"])
def test_other_labels_are_learnt_as_they_are(censored):
    exact = write([f"{smiles},{place}" for place, smiles in enumerate(MOLECULES)], "exact.csv")
    spec = TaskSpec("mine", file=exact, column="value") if censored == "refuse" else task(censored)
    found = load_pair(PairSpec(spec, (TaskSpec("hv"),)), "random")
    assert TrainingData(found, {"descriptors"}, torch.device("cpu")).bounds is None


def test_exact_data_have_the_hashes_that_they_had_without_bounds():
    exact = write([f"{smiles},{place}" for place, smiles in enumerate(MOLECULES)], "exact.csv")
    specs = [TaskSpec("mine", file=exact, column="value", censored=how) for how in ("refuse", "drop", "bound", "learn")]
    found = [load_pair(PairSpec(spec, (TaskSpec("hv"),)), "random") for spec in specs]
    assert len({(one.split_hash, one.data_hash) for one in found}) == 1
    assert pair("bound").data_hash != found[0].data_hash


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["CCO,1", "CCO,<3", "CCO,2"], (1.5, 0)),  # exact values count
        (["CCO,<3", "OCC,<5"], (4, -1)),
        (["CCO,>3"], (3, 1)),
    ],
)
def test_bounds_of_one_molecule_are_merged(rows, expected):
    table = read_task(TaskSpec("mine", file=write([*rows, "CC,1"]), column="value", censored="learn"))
    bound = np.zeros(2) if table.bound is None else table.bound
    assert (table.value[1], bound[1]) == expected


def test_a_molecule_with_bounds_on_both_sides_is_left_out_and_counted():
    file = write(["CCO,<3", "CCO,>1", "CC,1"])
    table = read_task(TaskSpec("mine", file=file, column="value", censored="learn"))
    assert list(table.smiles) == ["CC"]
    assert table.facts["with bounds on both sides, dropped"] == 1


def test_only_bounds_cannot_be_judged():
    file = write([f"{smiles},<{place}" for place, smiles in enumerate(MOLECULES)])
    spec = TaskSpec("mine", file=file, column="value", censored="learn")
    with pytest.raises(InputDataError, match="all values that a split would validate or test on are bounds"):
        load_pair(PairSpec(spec, (TaskSpec("hv"),)), "random")


NETWORKS = [name for name, spec in METHODS.items() if not spec.fits_at_once]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_not_taught_that_a_bound_is_exceeded(name):
    """The regression term has no gradient where all predictions lie beyond their bounds, and has one where not."""
    from gear.methods import build_method

    found = pair("learn")
    config = TrialConfig(name, training=TrainingConfig(epochs=1))
    model = build_method(config, 1, 0)
    data = TrainingData(found, model.embedding_kinds, torch.device("cpu"))
    model.fit_inputs(data.store.batch(data.train_rows[0]))
    rows = data.train_rows[0][:8]
    batch = data.batch(rows)
    only_target = batch._replace(labels=torch.full_like(batch.labels, torch.nan))
    terms = {}
    for label in (-50.0, 50.0):  # every prediction is above the one and below the other
        for bound in (-1.0, 0.0, 1.0):
            labels, bounds = only_target.labels.clone(), torch.zeros_like(batch.labels)
            labels[:, 0], bounds[:, 0] = label, bound
            torch.manual_seed(0)
            found_terms = model.loss_terms(
                batch._replace(labels=labels, bounds=bounds), 0, torch.Generator().manual_seed(0)
            )
            terms[label, bound] = found_terms.terms["reg"].item()
    assert terms[-50, 1] == terms[50, -1] == 0  # at least -50, at most 50
    assert terms[-50, -1] == terms[-50, 0] > 100
    assert terms[50, 1] == terms[50, 0] > 100


def test_specification_records_what_becomes_of_bounds():
    assert dataclasses.asdict(TaskSpec("a", file="b", column="c", censored="learn"))["censored"] == "learn"


@pytest.mark.parametrize(
    ("censored", "method", "says"),
    [
        ("drop", "stl", "10 of mine, left out."),
        ("bound", "stl", "7 of mine, taken as if the bound were the value."),
        ("learn", "stl", "7 of mine, learnt as bounds, by a one-sided loss."),
        ("learn", "svr", "7 of mine, learnt as bounds, by a one-sided loss, but taken as if they were exact by svr."),
    ],
)
def test_the_card_of_a_model_says_what_was_done_with_bounds(tmp_path, censored, method, says):
    config = TrialConfig(method, training=TrainingConfig(epochs=1))
    spec = TrialSpec(PairSpec(task(censored), (TaskSpec("hv"),)), "random", config=config)
    train_trial(spec, tmp_path / "run")
    data = load_pair(spec.pair, spec.split)
    export_model([Member(tmp_path / "run", spec, data)], data, tmp_path / "model", {})
    card = (tmp_path / "model/README.md").read_text()
    left = sum(smiles in BOUNDS for smiles in data.target.train.smiles)
    assert data.target.censored == (10 if censored == "drop" else left)
    assert says.replace("7", str(left), 1) in card
    assert "errors below are of exact values only" in card


def test_exact_values_are_not_counted_as_censored():
    exact = TaskSpec(
        "mine", file=write([f"{smiles},{place}" for place, smiles in enumerate(MOLECULES)]), column="value"
    )
    data = load_pair(PairSpec(exact, (TaskSpec("hv"),)), "random")
    assert data.target.censored == data.sources[0].censored == 0
