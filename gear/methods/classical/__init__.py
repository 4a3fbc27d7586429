"""Classical methods: support vectors, a Gaussian process, boosted trees, and a transfer form of the first two.

They read RDKit's descriptors and counted Morgan environments, are fitted by a library within seconds, and are searched,
recorded and exported as the neural methods are.
"""

import functools

from gear.methods.spec import MethodSpec
from gear.space import Choice, Dimension, Float, Integer

__all__ = ["BOOSTING", "DELTA", "GP", "INPUTS", "SVR", "UNTUNED"]

INPUTS = {  # settings.inputs: the kinds of embeddings whose features are read
    "descriptors": ("descriptors",),
    "counts": ("fingerprint",),
    "both": ("descriptors", "fingerprint"),
}
KINDS = INPUTS["both"]
_INPUTS = Choice("settings.inputs", tuple(INPUTS))
_MACHINE: tuple[Dimension, ...] = (
    Float("settings.penalty", 0.3, 300.0),
    Float("settings.margin", 0.003, 0.3),
    Float("settings.gamma", 0.03, 3.0),
)
_KERNEL = Choice("settings.kernel", ("matern", "rbf"))

# C, epsilon in standard deviations of the labels, gamma relative to the total variance of the inputs. By validation
# RMSE over 8 pairs, random and scaffold splits, all labels and 60 (docs/method.md); the reference uses them too.
UNTUNED = {"penalty": 10.0, "margin": 0.02, "gamma": 0.3}

_classical = functools.partial(MethodSpec, colour="olive", optional=(), fits_at_once=True, kinds=KINDS)

SVR = _classical(
    name="svr",
    title="support vector regression on descriptors of the target's molecules",
    model="gear.methods.classical.models:SupportVectorRegression",
    space=(*_MACHINE, _INPUTS),
    settings={**UNTUNED, "inputs": "descriptors"},
    uses_sources=False,
)
GP = _classical(
    name="gp",
    title="a Gaussian process on descriptors of the target's molecules",
    model="gear.methods.classical.models:GaussianProcessRegression",
    space=(_KERNEL, Choice("settings.linear", (False, True)), Float("settings.least_noise", 1e-5, 0.1), _INPUTS),
    settings={"kernel": "matern", "linear": False, "least_noise": 1e-3, "inputs": "descriptors"},
    uses_sources=False,
)
BOOSTING = _classical(
    name="boosting",
    title="gradient boosting of decision trees on descriptors of the target's molecules",
    model="gear.methods.classical.models:Boosting",
    space=(
        Integer("settings.rounds", 50, 1000, step=50),
        Float("settings.learning_rate", 0.01, 0.3),
        Integer("settings.leaves", 3, 63),
        Integer("settings.least_molecules", 1, 20),
        Float("settings.feature_share", 0.05, 1.0),
        Float("settings.ridge", 1e-3, 10.0),
        _INPUTS,
    ),
    settings={
        "rounds": 300,
        "learning_rate": 0.05,
        "leaves": 15,
        "least_molecules": 5,
        "feature_share": 0.3,
        "ridge": 1.0,
        "inputs": "both",
    },
    uses_sources=False,
)
DELTA = _classical(
    name="delta",
    title="the source's predictions by support vectors, corrected for the target",
    model="gear.methods.classical.delta:Delta",
    space=(
        Choice("settings.form", ("residual", "feature", "both")),
        Choice("settings.learner", ("svr", "gp")),
        *_MACHINE,
        _KERNEL,
        _INPUTS,
    ),
    settings={
        "form": "both",
        "learner": "svr",
        **UNTUNED,
        "kernel": "matern",
        "inputs": "descriptors",
    },
)
