"""What is checked before a campaign starts."""

import dataclasses

import pytest

from gear.config import PairSpec, TaskSpec
from gear.errors import InputDataError
from search.launch.checks import check_tables
from tests.support.fake_training import small_plan


@pytest.mark.parametrize(
    ("target", "source", "says"),
    [
        ({"column": "none"}, {}, "mine.csv has no column 'none'"),
        ({}, {"column": "none"}, "other.csv has no column 'none'"),
        ({}, {"file": "nothing.csv"}, "cannot read .*nothing.csv: No such file"),
        ({"split_column": "none"}, {}, "has no column 'none'"),
        ({"features": ("none",)}, {}, "has no column 'none'"),
        ({"smiles_column": "none"}, {}, "has no column 'none'"),
    ],
)
def test_a_table_or_column_that_does_not_exist_is_one_line(target, source, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "other"):
        (tmp_path / f"{name}.csv").write_text("smiles,value\nCCO,1\n")

    def plan(target, source):
        tasks = [
            TaskSpec(name, **{"file": f"{name}.csv", "column": "value"} | given)
            for name, given in (("mine", target), ("other", source))
        ]
        return dataclasses.replace(small_plan(), pairs=(PairSpec(tasks[0], (tasks[1], TaskSpec("hv"))),))

    check_tables(plan({}, {}))
    with pytest.raises(InputDataError, match=says):
        check_tables(plan(target, source))
