"""A user's own method: found by its import path, known by its name, refused in a line."""

import dataclasses
import json
import subprocess
import sys

import pytest

from gear.config import TrialConfig
from gear.errors import InputDataError, UnknownNameError
from gear.methods import METHODS, base_of, build_method, find_method
from gear.methods.plugin import is_plugin, short_name
from gear.methods.spec import MethodSpec
from gear.parsing import from_dict, to_dict
from gear.space import Float
from gear.training.folds import single_run
from gear.variants import VARIANTS, get_value, with_values

MODULE = """
import torch

from gear.methods.fitted import FittedMethod
from gear.methods.spec import MethodSpec
from gear.methods.stl.model import SingleTask
from gear.space import Float, Integer


class Mine(SingleTask):
    spec = MethodSpec(
        name="mine",
        title="single-task learning with settings",
        space=(Float("settings.strength", 0.1, 1.0),),
        optional=(Integer("settings.neighbours", 1, 5),),
        settings={"strength": 0.5, "neighbours": 3},
    )


class WithoutSpec(SingleTask):
    pass


class Taken(SingleTask):
    spec = MethodSpec(name="gear", title="", space=())


class TakenByVariant(SingleTask):
    spec = MethodSpec(name="gear-no-curv", title="", space=())


class Median(FittedMethod):
    spec = MethodSpec(name="median", title="the median of the labels", space=(), fits_at_once=True)

    def __init__(self, config, sources):
        super().__init__(config, sources)
        self.register_buffer("median", torch.zeros(()))

    def fit(self, batch, seed):
        self.median = batch.target.nanmedian()

    def predict(self, molecules, task=0):
        return self.median.expand(molecules.size)


class FittedAndNotSaying(Median):
    spec = MethodSpec(name="median", title="", space=())


class SayingAndNotFitted(SingleTask):
    spec = MethodSpec(name="mine", title="", space=(), fits_at_once=True)


function = print
"""
PATH = "mine_for_tests:Mine"


@pytest.fixture(autouse=True)
def _module(tmp_path, monkeypatch):
    (tmp_path / "mine_for_tests.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("mine_for_tests", None)


def test_methods_are_known_without_torch():
    code = (
        "import sys, gear.methods, search.plan.space, search.cli.run_options\n"
        "print(len(gear.methods.METHODS), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == f"{len(METHODS)} False\n", done.stderr


def test_plugin_is_found_by_its_path_and_by_its_recorded_name():
    assert find_method(PATH) == find_method(f"mine={PATH}")
    assert (find_method(PATH).name, find_method(PATH).model) == ("mine", PATH)
    assert type(build_method(TrialConfig(method=f"mine={PATH}"))).__name__ == "Mine"


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("mine_for_tests:WithoutSpec", "has no specification"),  # that of the class it derives from is not its own
        ("mine_for_tests:function", "must be a class derived from gear.methods.base.Method"),
        ("mine_for_tests:Absent", "has no 'Absent'"),
        ("no_such_module:Mine", "there is no module no_such_module: run in the folder that holds no_such_module.py"),
        ("mine_for_tests:FittedAndNotSaying", "spec.fits_at_once must be true where"),
        ("mine_for_tests:SayingAndNotFitted", "and false elsewhere"),
        ("mine_for_tests:Taken", "is named gear as one that comes with gear"),
        ("mine_for_tests:TakenByVariant", "is named gear-no-curv as one"),
        (f"other={PATH}", "is recorded as other, but its spec has the name mine"),
    ],
)
def test_plugin_that_cannot_be_used_is_told_in_a_line(method, message):
    with pytest.raises(InputDataError, match=message):
        find_method(method)


def test_plugin_may_be_fitted_at_once(pair):
    run = single_run(base_of("mine_for_tests:Median", TrialConfig(method="mine_for_tests:Median")), pair)
    (row,) = run.epochs()
    assert row.status == "complete"
    assert row.train_loss["reg"] == pytest.approx(1 + float(run.model.median) ** 2, rel=1e-4)


@pytest.mark.parametrize("method", ["magic", "Mine=", "a=b=c:D", "a b=c:D", "../x:Y"])
def test_what_has_not_the_form_of_a_plugin_is_an_unknown_method(method):
    assert not is_plugin(method)
    with pytest.raises(UnknownNameError, match="unknown method"):
        find_method(method)


@pytest.mark.parametrize("name", ["Mine", "a.b", "a/b", "", "-a", "ä", "a b"])
def test_name_of_a_method_must_serve_as_the_name_of_a_file(name):
    with pytest.raises(InputDataError, match="lower-case letters, digits"):
        MethodSpec(name=name, title="", space=())


def test_searched_setting_needs_a_default():
    with pytest.raises(InputDataError, match=r"searches settings\.x: give its default"):
        MethodSpec(name="mine", title="", space=(Float("settings.x", 0.1, 1.0),))


def test_short_name_of_every_method():
    assert [short_name(name) for name in ("gear", "gear-no-curv", f"mine={PATH}")] == ["gear", "gear-no-curv", "mine"]
    assert all(find_method(name).name == name for name in METHODS)
    assert not METHODS.keys() & VARIANTS.keys()


def test_settings_of_its_own_are_completed_kept_and_read_back():
    config = base_of(f"mine={PATH}", TrialConfig(settings={"strength": 0.2, "of_another_method": 1}))
    assert config.settings == {"strength": 0.2, "neighbours": 3}
    assert with_values(config, {"settings.neighbours": 5}).settings == {"strength": 0.2, "neighbours": 5}
    assert get_value(config, "settings.strength") == 0.2
    again = from_dict(TrialConfig, json.loads(json.dumps(to_dict(config))))
    assert again == config
    assert type(again.settings["neighbours"]) is int
    assert build_method(TrialConfig(method=f"mine={PATH}")).config.settings == {"strength": 0.5, "neighbours": 3}
    assert base_of("gear", config).settings == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strenth": 0.2}, r"has no setting settings\.strenth; known: strength, neighbours"),
        ({"neighbours": 2.5}, r"settings\.neighbours must be int, got 2\.5"),
    ],
)
def test_setting_that_the_method_does_not_have_is_refused(settings, message):
    with pytest.raises(InputDataError, match=message):
        build_method(TrialConfig(method=f"mine={PATH}", settings=settings))


def test_built_in_method_has_no_settings_of_its_own():
    with pytest.raises(InputDataError, match=r"'gear' has no setting settings\.x; it has none of its own"):
        build_method(dataclasses.replace(TrialConfig(), settings={"x": 1}))


def test_settings_must_be_plain_values():
    with pytest.raises(InputDataError, match=r"settings\.x must be bool or int or float or str"):
        from_dict(TrialConfig, {"settings": {"x": [1]}})
    with pytest.raises(InputDataError, match="settings must be an object"):
        from_dict(TrialConfig, {"settings": 1})
