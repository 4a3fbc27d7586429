"""The table of docs/operations.md that lists the settings of a search, made from their description."""

from search.cli.setting_flags import shown
from search.plan.setting import settings_of
from search.plan.settings import SearchSettings

RESUME = {"fixed": "no", "free": "yes", "grows": "only up"}


def settings_table():
    """Markdown, a row for each setting."""
    rows = []
    for one in settings_of(SearchSettings):
        cells = (f"`{one.flag}`", shown(one.default), _range(one), RESUME[one.resume], one.help)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(["| flag | default | range | with `--resume` | what |", "|--|--|--|--|--|", *rows])


def _range(setting):
    if setting.minimum is not None:
        return f"≥ {setting.minimum:g}"
    return "" if setting.above is None else f"> {setting.above:g}"
