"""Every flag that takes a number refuses what is none, or is out of range, in one line."""

import argparse
import importlib
import math

import pytest

from gear.command_line import LARGEST, at_least
from gear.errors import InputDataError
from search.cli.main import COMMANDS
from search.cli.run_options import make_parser
from search.plan.settings import SearchSettings

NEVER = ["nan", "inf", "-inf", "1e999", "9" * 400, "9" * 5000, "", "ten", "-5", str(LARGEST + 1), "0x10", "1,5"]
PARSERS = {"run": make_parser}


def actions(parser):
    """Its flags, and those of the commands below it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from actions(below)
        else:
            yield parser, action


def numeric_flags():
    """Command, parser and action of every flag that turns 7 into a number."""
    for name, command in COMMANDS.items():
        module = importlib.import_module(command.module)
        build = PARSERS.get(name) or getattr(module, "command_parser", None)
        if build is None:
            continue
        for parser, action in actions(build()):
            if action.type is None or not action.option_strings:
                continue
            read = parser._registry_get("type", action.type, action.type)
            try:
                value = read("7")
            except (argparse.ArgumentTypeError, ValueError):
                continue
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield pytest.param(parser, action, id=f"{name} {action.option_strings[0]}")


FLAGS = list(numeric_flags())


def test_the_flags_are_found():
    assert {"run --trials", "run --gpus-per-trial", "run --time-budget", "predict --interval"} <= {f.id for f in FLAGS}
    assert len(FLAGS) > 30


@pytest.mark.parametrize(("parser", "action"), FLAGS)
def test_a_number_that_is_none_is_refused_in_one_line(parser, action):
    for text in NEVER:
        try:
            value = parser._get_value(action, text)
        except argparse.ArgumentError as error:
            told = str(error)
        else:
            told = ""
            assert isinstance(value, float), text  # a float may be negative or large: what it is for says which
            assert math.isfinite(value), text
        assert "\n" not in told
        assert len(told) < 200
        assert "read" not in told  # the name of a function is no message


@pytest.mark.parametrize("minimum", [-1, 0, 1])
def test_whole_numbers_have_a_range(minimum):
    read = at_least(minimum)
    assert (read(str(minimum)), read(str(LARGEST))) == (minimum, LARGEST)
    for text in (str(minimum - 1), str(LARGEST + 1), "1.0"):
        with pytest.raises(argparse.ArgumentTypeError):
            read(text)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["gpus_per_trial", "epoch_timeout", "reduction_factor"])
def test_settings_are_finite_from_python_and_plan_files_too(name, value):
    with pytest.raises(InputDataError, match=rf"search\.{name} must be a finite number"):
        SearchSettings(**{name: value})
