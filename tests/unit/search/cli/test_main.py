"""`gear-search`: every command by its name, answered at once where only help is asked for."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gear.command_line import Parser
from search.cli import main as cli
from search.cli.main import COMMANDS

ROOT = Path(__file__).parents[4]
HEAVY = {"torch", "chemprop", "rdkit", "mlflow", "ray", "pandas", "pyarrow", "matplotlib", "sqlalchemy"}
PROBE = """
import sys
from search.cli.main import COMMANDS, main
for name in COMMANDS:
    for flag in ("--help", "--no-such-flag"):
        sys.argv = ["gear-search", name, flag]
        try:
            main()
        except SystemExit:
            pass
        print("imported:", name, flag, *sorted(module for module in sys.modules if "." not in module))
"""


@pytest.fixture
def call(monkeypatch, capsys):
    """Run `gear-search` in this process; gives exit code, stdout, stderr."""

    def command(*words):
        monkeypatch.setattr("sys.argv", ["gear-search", *words])
        try:
            code = cli.main()
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return command


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_the_command_as_it_was_typed(name, call):
    code, out, err = call(name, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: gear-search {name} ")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wrong_flag_is_one_line(name, call):
    code, _, err = call(name, "--no-such-flag")
    assert code == 2
    assert re.fullmatch(r"error: [^\n]+\n", err)


def test_neither_help_nor_a_wrong_flag_imports_anything_heavy():
    """One process for all commands: what none of them may import, all of them together do not."""
    done = subprocess.run([sys.executable, "-c", PROBE], cwd=ROOT, capture_output=True, text=True)
    imported = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("imported: ")]
    assert len(imported) == 2 * len(COMMANDS), done.stderr
    for name, flag, *modules in imported:
        assert not HEAVY & {*modules}, (name, flag)


def test_python_m_shows_its_own_name(monkeypatch, capsys):
    from gear import predict

    monkeypatch.setattr("sys.argv", ["/some/where/gear/predict.py", "--help"])
    with pytest.raises(SystemExit):
        predict.main()
    assert capsys.readouterr().out.startswith("usage: python -m gear.predict ")


def test_without_a_command_all_are_listed(call):
    code, out, _ = call()
    assert code == 0
    assert all(f"  {name} " in out for name in COMMANDS)
    assert call("--help")[1] == out
    assert call("--version")[1].startswith("gear-search ")


def test_a_command_that_does_not_exist_is_one_line(call):
    assert call("serch") == (2, "", f"error: unknown command 'serch'; known: {', '.join(COMMANDS)}\n")
    assert call("cluster", "begin")[2].startswith("error: unknown action 'begin'")


def test_a_command_whose_packages_are_missing_says_what_to_install(call, monkeypatch):
    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda name: None)
    for name, command in COMMANDS.items():
        code, out, err = call(name, "--help")
        if command.extra:
            assert code == 2
            assert re.fullmatch(
                rf"error: gear-search {name} needs .*: pip install 'gear-search\[{command.extra}\]'\n", err
            )
        else:
            assert (code, out.split()[0]) == (0, "usage:")
    core = {name for name, command in COMMANDS.items() if not command.extra}
    assert core == {"predict", "data", "train", "pretrain"}


def test_modules_of_the_working_folder_come_last(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))
    call("predict", "--help")
    call("predict", "--help")
    assert sys.path[-1] == os.getcwd()
    assert sys.path.count(os.getcwd()) == 1


def test_every_parser_is_one_that_refuses_abbreviations():
    sources = [path for part in ("gear", "search", "tracking", "benchmarks") for path in (ROOT / part).rglob("*.py")]
    makers = [path.name for path in sources if "ArgumentParser(" in path.read_text()]
    assert makers == []
    parser = Parser()
    parser.add_subparsers().add_parser("show").add_argument("--plotted")
    with pytest.raises(SystemExit):
        parser.parse_args(["show", "--plot", "x"])
