"""Forged exports of fitted methods, whose tensors may have any shape: one clear line before anything is predicted."""

import re
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from gear.config import PairSpec, TaskSpec, TrialConfig, TrialSpec
from gear.export import Member, export_model
from gear.methods import base_of
from gear.prediction import load_predictor
from gear.training.fitted_run import FittedRun
from tests.support.forged_export import forge, outcome

MEMBER = "members/0/model.safetensors"
TREES = "regressor.trees"


@pytest.fixture(scope="module")
def exports(pair, tmp_path_factory):
    """The export of each method, made when it is asked for."""
    made = {}

    def export(method):
        if method not in made:
            folder = tmp_path_factory.mktemp(method)
            settings = {"rounds": 3, "leaves": 4} if method == "boosting" else {}
            config = base_of(method, TrialConfig(method=method, settings=settings))
            run = FittedRun(config, pair, "cpu")
            list(run.epochs())
            run.save(folder / "checkpoint")
            spec = TrialSpec(PairSpec(TaskSpec("target"), (TaskSpec("source"),)), "random", config=config)
            export_model([Member(folder / "checkpoint", spec, pair)], pair, folder / "export", {})
            made[method] = folder / "export"
        return made[method]

    return export


@pytest.fixture
def forged(exports, tmp_path):
    return lambda method: shutil.copytree(exports(method), tmp_path / method)


@pytest.mark.parametrize("method", ["svr", "gp", "delta", "boosting"])
def test_tensors_of_other_shapes_are_refused(method, forged):
    folder = forged(method)
    tensors = load_file(folder / MEMBER)
    assert outcome(folder) == ""
    for name, array in tensors.items():
        flat = np.atleast_1d(array)
        changes = {
            "scalar": np.zeros((), array.dtype),
            "longer": np.concatenate([flat, flat]),
            "empty": np.zeros((0, *array.shape[1:]), array.dtype),
            "wider": np.stack([array, array], -1),
        }
        for change, value in changes.items():
            if (name, change) in [(TREES, "longer"), (TREES, "wider")] or value.shape == array.shape:
                continue  # what follows the trees is not read; a number is a scalar already
            forge(folder, MEMBER, save(tensors | {name: value}))
            assert "cannot be loaded" in outcome(folder), (name, change)


@pytest.mark.parametrize("method", ["svr", "gp", "delta", "boosting"])
def test_inputs_that_the_regressor_does_not_know_are_refused(method, forged):
    folder = forged(method)
    tensors = load_file(folder / MEMBER)
    name = next(name for name in tensors if name.endswith("blocks.descriptors.scaler.scale"))
    scale = tensors[name].copy()
    scale[np.isfinite(scale).argmax()] = np.inf
    forge(folder, MEMBER, save(tensors | {name: scale}))
    assert "cannot be loaded" in outcome(folder)


HEAD = [  # what is written over the first match in the text, and what is said
    ("^.*$", "garbage", "num_class is not 1"),
    ("(?<=num_class=)1", "3", "num_class is not 1"),
    ("(?<=\n)num_class", "=num_class", "the head has a line that is not NAME=VALUE"),
    ("(?<=objective=)regression", "multiclass num_class:9", "objective is not regression"),
    ("max_feature_idx=", "max_feature_idx=9", "max_feature_idx is not"),
    ("feature_names=", "feature_names=x ", "features are described"),
    ("(?<=tree_sizes=)", "9999999 ", "tree 0 does not begin and end where tree_sizes says"),
    ("(?<=tree_sizes=)", "-5 ", "tree 0 has no size"),
    (r" \d+(?=\n\nTree=0)", "", "sizes of the trees are not those in tree_sizes"),
    ("tree_sizes=.*\n", "", "the head has no numbers tree_sizes"),
    ("(?<=tree_sizes=).*", "a b c", "the head has no numbers tree_sizes"),
    ("shrinkage=", "shrinkage=0", "does not begin and end where tree_sizes says"),
]
TREE = [  # the same in trees whose sizes are made right again
    (r"(?<=split_feature=)\d+", "99999999", "tree 0 reads a feature that is none of"),
    (r"(?<=split_feature=)\d+", "-1", "tree 0 reads a feature that is none of"),
    (r"(?<=split_feature=)\d+ ", "", "tree 0 has 2 numbers split_feature for 4 leaves"),
    ("(?<=left_child=)-1", "-9", "tree 0 has a left_child that is not there"),
    (r"(?<=right_child=)-?\d", "3", "tree 0 has a right_child that is not there"),
    (r"(?<=right_child=)-?\d", "0", "tree 0 has a right_child that is not there"),
    ("(?<=decision_type=)2", "1", "tree 0 has a decision of an unknown type"),
    ("(?<=num_leaves=)4", "9", "tree 0 has 4 numbers leaf_count for 9 leaves"),
    ("(?<=num_leaves=)4", "0", "tree 0 has no leaf"),
    ("(?<=num_cat=)0", "1", "tree 0 has categories or linear leaves"),
    ("(?<=is_linear=)0", "1", "tree 0 has categories or linear leaves"),
    (r"(?<=threshold=)\S+", "1e999", "tree 0 has a number that is not finite"),
    (r"(?<=leaf_value=)\S+", "nan", "tree 0 has a number that is not finite"),
    (r"(?<=leaf_value=)\S+", "1e-e", "could not convert"),
    ("(?<=leaf_weight=)", "x", "tree 0 has no numbers leaf_weight"),
    ("shrinkage", "num_cat", "tree 0 has a line that is not NAME=VALUE, or a name twice"),
    ("num_leaves=4", "num_leaves 4", "tree 0 has a line that is not NAME=VALUE"),
    ("Tree=1", "Tree=7", "tree 1 does not begin"),
]


def trees_of(folder):
    tensors = load_file(folder / MEMBER)
    return tensors, tensors[TREES].tobytes().decode()


def with_trees(folder, tensors, text):
    forge(folder, MEMBER, save(tensors | {TREES: np.frombuffer(text.encode(), np.uint8)}))


def resized(text):
    """The text with the sizes of its trees as they are."""
    trees, _, _ = text[text.index("Tree=") :].partition("end of trees")
    sizes = " ".join(str(len(tree)) for tree in re.split("(?=Tree=)", trees)[1:])
    return re.sub("(?<=tree_sizes=).*", sizes, text, count=1)


@pytest.mark.parametrize(("pattern", "instead", "message"), HEAD + TREE)
def test_trees_that_lightgbm_must_not_read_are_refused(pattern, instead, message, forged):
    folder = forged("boosting")
    tensors, text = trees_of(folder)
    assert resized(text) == text
    changed = re.sub(pattern, instead, text, count=1, flags=re.DOTALL if pattern == "^.*$" else 0)
    assert changed != text
    with_trees(folder, tensors, resized(changed) if (pattern, instead, message) in TREE else changed)
    told = outcome(folder)
    assert "cannot be loaded (ValueError: " in told
    assert message in told


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\0" * 50, b"Tree=0\n", b"tree\n" * 10])
def test_bytes_that_are_no_trees_are_refused(content, forged):
    folder = forged("boosting")
    tensors, _ = trees_of(folder)
    forge(folder, MEMBER, save(tensors | {TREES: np.frombuffer(content, np.uint8)}))
    assert "cannot be loaded" in outcome(folder)


def test_what_lightgbm_itself_refuses_is_one_line(forged, monkeypatch):
    folder = forged("boosting")
    tensors, text = trees_of(folder)
    monkeypatch.setattr("gear.methods.classical.boosted_trees.check_trees", lambda *_: None)
    with_trees(folder, tensors, text.replace("num_class=1\n", ""))
    assert "cannot be loaded (ValueError: trees: Model file doesn't specify the number of classes)" in outcome(folder)


@pytest.mark.parametrize("tail", ["", "\nparameters:\nx\nend of parameters\n\npandas_categorical:[\n"])
def test_what_follows_the_trees_changes_no_prediction(tail, forged):
    folder = forged("boosting")
    before = load_predictor(folder).predict(["CCO", "CCCCO"])
    tensors, text = trees_of(folder)
    with_trees(folder, tensors, text[: text.index("end of trees\n") + len("end of trees\n")] + tail)
    np.testing.assert_array_equal(load_predictor(folder).predict(["CCO", "CCCCO"]), before)


def test_a_tree_of_one_leaf_is_read(forged, pair):
    folder = forged("boosting")
    config = base_of("boosting", TrialConfig(method="boosting", settings={"rounds": 3, "least_molecules": 1000}))
    run = FittedRun(config, pair, "cpu")
    list(run.epochs())
    forge(folder, MEMBER, save({name: tensor.numpy() for name, tensor in run.best.items()}))
    assert "num_leaves=1\n" in trees_of(folder)[1]
    found = load_predictor(folder).predict(["CCO", "CCCCO"])
    assert found[0] == pytest.approx(pair.target.train.value.mean())
    assert found[0] == found[1]
