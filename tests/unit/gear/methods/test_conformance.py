"""Every method, over one source and several, over every kind of embedding; and the example of a user's own."""

from pathlib import Path

import pytest

from gear.methods import METHODS, method_class
from gear.methods.classical import INPUTS
from gear.testing.method_conformance import (
    Case,
    FittedConformance,
    FittedRunConformance,
    MethodConformance,
    RunConformance,
)
from gear.variants import VARIANTS

# on frozen features of another property there are few weights to overfit with
FITTED = {name: Case(name) for name, spec in METHODS.items() if spec.fits_at_once}
TRAINED = METHODS.keys() - FITTED.keys()
PLAIN = {name: Case(name, overfits_below=0.5 if name == "finetune_head" else 0.1) for name in sorted(TRAINED)}
CONFIGURED = {
    **{name: Case(name) for name in VARIANTS},
    **{f"{name}, two sources": Case(name, 2) for name in sorted(TRAINED - {"stl"})},
    **{
        f"{name}, {kind}": Case(name, settings={"embedding.kind": kind})
        for name in ("gear", "stl", "mtl", "finetune_head")
        for kind in ("descriptors", "fingerprint", "text", "dmpnn+descriptors")
    },
    **{
        f"{name}, text from {kind}": Case(name, settings={"embedding.kind": "text", "embedding.source_kind": kind})
        for name in ("gear", "kd")
        for kind in ("dmpnn", "fingerprint")
    },
}
FITTED_CONFIGURED = {
    **{f"{name}, {inputs}": Case(name, settings={"settings.inputs": inputs}) for name in FITTED for inputs in INPUTS},
    **{
        f"delta, {form} by {learner}, {sources} sources": Case(
            "delta", sources, {"settings.form": form, "settings.learner": learner}
        )
        for form, learner, sources in (
            ("residual", "svr", 2),
            ("feature", "gp", 1),
            ("both", "svr", 1),
            ("both", "gp", 2),
        )
    },
    "gp, linear and rbf": Case("gp", settings={"settings.linear": True, "settings.kernel": "rbf"}),
}
EXAMPLES = Path(__file__).parents[4] / "examples/plugins"


@pytest.mark.parametrize("case", PLAIN.values(), ids=PLAIN)
class TestMethods(MethodConformance):
    pass


@pytest.mark.parametrize("case", CONFIGURED.values(), ids=CONFIGURED)
class TestConfigurations(RunConformance):
    pass


@pytest.mark.parametrize("case", FITTED.values(), ids=FITTED)
class TestFittedMethods(FittedConformance):
    pass


@pytest.mark.parametrize("case", FITTED_CONFIGURED.values(), ids=FITTED_CONFIGURED)
class TestFittedConfigurations(FittedRunConformance):
    pass


class TestExample(MethodConformance):
    method = "my_method:Corrected"

    @pytest.fixture(autouse=True)
    def _importable(self, monkeypatch):
        monkeypatch.syspath_prepend(EXAMPLES)


@pytest.mark.parametrize("name", METHODS)
def test_specification_names_the_class_that_names_it(name):
    assert vars(method_class(name))["spec"] is METHODS[name]
