"""Every method, over one source and several, over every kind of embedding; and the example of a user's own."""

from pathlib import Path

import pytest

from gear.methods import METHODS, method_class
from gear.testing.method_conformance import Case, MethodConformance, RunConformance
from gear.variants import VARIANTS

# on frozen features of another property there are few weights to overfit with
PLAIN = {name: Case(name, overfits_below=0.5 if name == "finetune_head" else 0.1) for name in METHODS}
CONFIGURED = {
    **{name: Case(name) for name in VARIANTS},
    **{f"{name}, two sources": Case(name, 2) for name in METHODS if name != "stl"},
    **{
        f"{name}, {kind}": Case(name, settings={"embedding.kind": kind})
        for name in ("gear", "stl", "mtl", "finetune_head")
        for kind in ("descriptors", "fingerprint", "text")
    },
    **{
        f"{name}, text from {kind}": Case(name, settings={"embedding.kind": "text", "embedding.source_kind": kind})
        for name in ("gear", "kd")
        for kind in ("dmpnn", "fingerprint")
    },
}
EXAMPLES = Path(__file__).parents[4] / "examples/plugins"


@pytest.mark.parametrize("case", PLAIN.values(), ids=PLAIN)
class TestMethods(MethodConformance):
    pass


@pytest.mark.parametrize("case", CONFIGURED.values(), ids=CONFIGURED)
class TestConfigurations(RunConformance):
    pass


class TestExample(MethodConformance):
    method = "my_method:Delta"

    @pytest.fixture(autouse=True)
    def _importable(self, monkeypatch):
        monkeypatch.syspath_prepend(EXAMPLES)


@pytest.mark.parametrize("name", METHODS)
def test_specification_names_the_class_that_names_it(name):
    assert vars(method_class(name))["spec"] is METHODS[name]
