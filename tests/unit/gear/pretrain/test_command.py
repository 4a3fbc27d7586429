"""`gear-search pretrain`."""

import sys

import pytest

from gear.pretrain.__main__ import main
from gear.pretrain.weights import read_own


@pytest.fixture
def command(few_molecules, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*flags):
        monkeypatch.setattr(sys, "argv", ["gear-search pretrain", *flags])
        return main()

    return run


def test_weights_are_trained_shown_and_written(command, tmp_path, capsys):
    (tmp_path / "mine.csv").write_text("SMILES\nCCCCCCCCCCBr\nnonsense\n")
    flags = "--width 8 --depth 2 --aggregation mean --passes 1 --seed 3 --environments 5 --out w.safetensors"
    assert command(*flags.split(), "--molecules", "mine.csv", "--smiles-column", "SMILES") == 0
    told = capsys.readouterr().out
    assert "1 molecules of yours; rows without a usable SMILES: 1" in told
    assert "width 8, depth 2, aggregation mean; 1 passes over 121 molecules, seed 3; of held-out molecules" in told
    assert "weights: w.safetensors" in told
    weights = read_own(tmp_path / "w.safetensors")
    assert (weights.shape.width, weights.shape.aggregation, weights.facts["seed"]) == (8, "mean", 3)


def test_what_cannot_be_done_is_told_in_a_line(command, capsys):
    for flags, says in [
        (["--out", "w.pt"], "name a file that ends in .safetensors"),
        (["--molecules", "missing.csv"], "cannot read missing.csv"),
    ]:
        assert command(*flags) == 2
        assert says in capsys.readouterr().err


def test_a_width_of_nothing_is_refused(command, capsys):
    with pytest.raises(SystemExit, match="2"):
        command("--width", "0")
    assert "--width: must be at least 1, got 0" in capsys.readouterr().err
