"""What a person sees of a campaign."""

import dataclasses
import io
import re
import sys

import pytest
from rich.console import Console

from gear.config import EmbeddingConfig, TrialConfig
from gear.evaluation.comparison import Change
from gear.evaluation.diagnostics import Finding
from gear.evaluation.uncertainty import Interval
from search.campaign.events import AttemptLost, TrialEnded
from search.campaign.leaderboard import Standing
from search.cli import progress as cli_progress
from search.cli.console import make_console, plan_text
from search.cli.leaderboard import print_leaderboard
from search.cli.progress import ConsoleDisplay, Progress, campaign_table
from search.results.winners import Leaderboard
from tests.support.fake_training import Simulation, small_plan


def console(terminal, height=40):
    return Console(file=io.StringIO(), force_terminal=terminal, width=140, height=height, no_color=True)


def test_the_table_shows_every_study_its_trials_and_what_runs():
    simulation = Simulation(small_plan(), slots=2).run(turns=40)
    simulation.fill()
    screen = console(terminal=True)
    progress = Progress(simulation.campaign, lambda: 2, screen)
    screen.print(progress.render())
    text = screen.file.getvalue()
    ended = sum(isinstance(event, TrialEnded) for event in simulation.events)
    assert f"test: {ended} of 16 trials, 2 of 2 slots busy" in text
    assert "hv_from_ds.random.gear" in text
    assert "hv_from_ds.random.stl" in text


def test_the_table_says_what_share_of_the_slots_was_busy(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(cli_progress.time, "monotonic", lambda: next(clock))
    campaign = Simulation(small_plan(methods=["stl"], fuse="4", sampler="random")).campaign
    progress = Progress(campaign, lambda: 2, console(terminal=True))
    campaign.next_jobs("first", 2)  # the defaults
    assert progress.busy_share() == 0  # at second 1
    assert len(campaign.next_jobs("array", 2)) > 1
    assert progress.busy_share() == pytest.approx(1 / (2 * 2))
    campaign.lose("first", "gone")  # an array is one worker, whatever trials it has
    assert progress.busy_share() == pytest.approx((1 + 2) / (2 * 3))
    assert progress.busy_share() == pytest.approx((1 + 2 + 1) / (2 * 4))


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_long_name_of_a_study_is_never_cut(width):
    """Its end is the method, by which studies differ."""
    plan = small_plan(pairs=("hv_from_bp+ds",), splits=("scaffold-n120",), methods=("finetune_head", "finetune_all"))
    simulation = Simulation(plan, slots=1).run(turns=1)
    screen = Console(file=io.StringIO(), force_terminal=True, width=width, no_color=True)
    screen.print(campaign_table(simulation.campaign, "1 running", ""))
    rows = [line.split("│")[1].strip() for line in screen.file.getvalue().splitlines() if "│" in line]
    assert "".join(rows) == "".join(study.name for study in plan.studies)


def test_nothing_of_a_table_is_cut_where_it_is_piped(monkeypatch):
    monkeypatch.setattr("sys.stdout", io.StringIO())
    plan = small_plan(pairs=("hv_from_bp+ds+ri+lp",), splits=("scaffold-n120",), methods=("finetune_head",))
    simulation = Simulation(plan, slots=1).run(turns=1)
    screen = make_console()
    screen.print(campaign_table(simulation.campaign, "1 running " + "x" * 150, "a note"))
    text = sys.stdout.getvalue()
    assert plan.studies[0].name in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) < 400  # no wider than its content


@pytest.mark.parametrize("terminal", [False, True])
def test_square_brackets_and_colons_are_shown_as_they_are(monkeypatch, terminal):
    monkeypatch.setattr("sys.stdout", io.StringIO())
    monkeypatch.setenv("TTY_COMPATIBLE", str(int(terminal)))
    monkeypatch.setenv("COLUMNS", "200")
    screen = make_console()
    assert screen.is_terminal == terminal
    reason = "c1cc[nH]c1, c:o:c, [/tmp/x]"
    simulation = Simulation(small_plan(), slots=1).run(turns=1)
    simulation.fill()
    job = simulation.jobs[0]
    campaign = simulation.campaign
    progress = Progress(campaign, lambda: 1, screen)
    progress(AttemptLost(job.study, job.number, 0, reason))
    ConsoleDisplay(screen).say(reason)
    screen.print(campaign_table(campaign, reason, reason))
    print_leaderboard(screen, Leaderboard([standing("random", "gear[nH]", 0.45)], {"p": "[/K]"}, notes=(reason,)))
    text = sys.stdout.getvalue()
    assert text.count(reason) == (4 if terminal else 5)  # a lost worker has no line on a terminal
    assert "gear[nH]" in text
    assert "[/K]" in text


def test_on_a_small_terminal_the_running_studies_stay_in_sight():
    plan = small_plan(splits=("random", "scaffold"))
    simulation = Simulation(plan, slots=1).run(turns=1)
    screen = console(terminal=True, height=9)
    screen.print(Progress(simulation.campaign, lambda: 1, screen).render())
    first_row = next(line for line in screen.file.getvalue().splitlines() if "hv_from_ds" in line)
    assert simulation.jobs[0].study in first_row


def test_without_a_terminal_there_is_a_line_a_finished_trial():
    simulation = Simulation(small_plan())
    screen = console(terminal=False)
    simulation.campaign.listeners.append(Progress(simulation.campaign, lambda: 3, screen))
    simulation.run()
    lines = screen.file.getvalue().splitlines()
    assert len(lines) == 16
    assert any("complete (last epoch), validation RMSE 0." in line for line in lines)
    assert any("pruned (outside the best 1/3 at epoch 2)" in line for line in lines)
    assert any(line.startswith("hv_from_ds.random.stl 8/8: ") for line in lines)


def test_the_plan_in_words():
    text = plan_text(small_plan())
    assert "campaign test: 2 studies = hv_from_ds x random x gear, stl" in text
    assert "8 trials per study, 16 in all, of at most 9 epochs" in text
    assert "pretrained" not in text


def test_the_plan_says_with_what_embeddings_begin():
    config = TrialConfig(embedding=EmbeddingConfig(pretrained="descriptors"))
    text = plan_text(dataclasses.replace(small_plan(), config=config))
    assert "embeddings begin with pretrained weights: descriptors, width 64, depth 3, aggregation norm 10" in text


def test_the_plan_says_which_splits_are_judged_by_folds():
    told = plan_text(small_plan(splits=("random-n60", "scaffold-n60", "random"))).splitlines()
    assert "  5 validation folds per trial on random-n60 scaffold-n60" in told
    assert "  5 validation folds per trial" in plan_text(small_plan(splits=("random-n60",))).splitlines()
    assert not any("folds" in line for line in plan_text(small_plan()).splitlines())


def standing(split, method, test, data="d"):
    hashes = {"split_hash": f"{split}-{data}", "data_hash": data}
    return Standing(f"p.{split}.{method}", "p", split, method, 3, 4, 1, 0.5, test, 12.5, 0.8123, 30, 2, **hashes)


def test_the_leaderboard_says_which_part_a_number_is_on_and_whether_transfer_helped():
    def row(method, test):
        return standing("random", method, test)

    screen = console(terminal=False)
    rows = [row("gear", 0.45), row("stl", 0.5)]
    change = Change(-0.1, Interval(-0.1, -0.2, -0.05), 0.01, 30)
    print_leaderboard(screen, Leaderboard(rows, {"p": "kJ/mol"}, {"p.random.gear": change}))
    text = screen.file.getvalue()
    assert "validation RMSE" in text
    assert "test RMSE" in text
    assert "12.5 kJ/mol" in text
    assert f"p random: {change.words('gear')}" in text.splitlines()
    assert "0.812" in text
    assert re.search(r"│ +30 │", text)


def test_what_looks_wrong_with_a_winner_is_shown_below_the_leaderboard():
    screen = console(terminal=False)
    found = {"p.random.gear": [Finding("flat_curvature", "the curvature term is identically zero")]}
    print_leaderboard(screen, Leaderboard([standing("random", "gear", 0.45)], {"p": "K"}, findings=found))
    assert "p.random.gear: the curvature term is identically zero" in screen.file.getvalue().splitlines()


def test_a_study_without_a_winner_has_no_numbers():
    screen = console(terminal=False)
    print_leaderboard(screen, Leaderboard([Standing("p.random.stl", "p", "random", "stl", 0, 0, 6)], {"p": "K"}))
    assert "0/0/6" in screen.file.getvalue()


def test_a_method_that_has_learnt_scaffolds_is_named():
    def row(split, test):
        return standing(split, "gear", test)

    screen = console(terminal=False)
    print_leaderboard(screen, Leaderboard([row("random", 0.3), row("scaffold", 0.6)], {"p": "K"}))
    assert "p.scaffold.gear: error on new scaffolds is 2.0 times" in screen.file.getvalue()
    screen = console(terminal=False)
    print_leaderboard(screen, Leaderboard([row("random", 0.3), row("scaffold", 0.4)], {"p": "K"}))
    assert "new scaffolds" not in screen.file.getvalue()


@pytest.mark.parametrize(
    "rows",
    [
        [standing("random", "gear", 0.3), standing("scaffold", "gear", 0.6, data="others")],
        [dataclasses.replace(standing("random", m, 0.5), split_hash="", data_hash="") for m in ("gear", "stl")],
    ],
)
def test_errors_on_different_data_are_never_compared(rows):
    screen = console(terminal=False)
    print_leaderboard(screen, Leaderboard(rows, {"p": "K"}))
    text = screen.file.getvalue()
    assert all(row.split_hash[:8] in text for row in rows)
    assert "new scaffolds" not in text
