"""The table of docs/method.md that lists what is searched, made from the spaces of the trained methods."""

from gear.config import TrialConfig
from gear.methods import METHODS
from gear.space import Choice, Float
from gear.variants import get_value


def space_table():
    """Markdown, a row for each dimension; of several methods if it is the same for them."""
    trained = [spec for spec in METHODS.values() if not spec.fits_at_once]
    rows = {}
    for spec in trained:
        config = spec.completed(TrialConfig(method=spec.name))
        for dimension in spec.space:
            key = (f"`{dimension.path}`", _shown(get_value(config, dimension.path)), _range(dimension))
            rows.setdefault(key, []).append(f"`{spec.name}`")
    lines = [[*key, "all" if len(names) == len(trained) else ", ".join(names)] for key, names in rows.items()]
    return "\n".join(["| setting | default | searched | methods |", "|--|--|--|--|", *map(_line, lines)])


def _line(cells):
    return f"| {' | '.join(cells)} |"


def _shown(value):
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"`{value}`" if isinstance(value, str) else f"{value:g}"


def _range(dimension):
    if isinstance(dimension, Choice):
        return ", ".join(map(_shown, dimension.choices))
    found = f"{dimension.low:g} to {dimension.high:g}"
    if isinstance(dimension, Float) and dimension.low_share:
        found += f", {100 * dimension.low_share:g} % at {dimension.low:g}"
    return f"{found}, logarithmic" if isinstance(dimension, Float) and dimension.log else found
