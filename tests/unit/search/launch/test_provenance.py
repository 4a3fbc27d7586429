"""Each launch records its versions; what changes numbers and differs from the launch before is said once."""

import subprocess

import pytest

from search.campaign.campaign import Campaign
from search.launch import provenance
from search.launch.provenance import begin_launch, changes, commit
from tests.support.fake_training import Simulation, small_plan

PLAN = small_plan("quick-1", trials=2, methods=("stl",))
BEFORE = {"gear-search": "0.1.0", "torch": "2.12.0+cpu", "rdkit": "2026.3.6", "commit": "a" * 40}
STL = "hv_from_ds.random.stl"


@pytest.fixture
def installed(monkeypatch):
    """Sets the versions of this launch."""

    def install(**changed):
        found = BEFORE | {name.replace("_", "-"): version for name, version in changed.items()}
        monkeypatch.setattr(provenance, "versions", lambda: found)
        return found

    return install


def launch(events, head=None):
    """A launch over earlier events; gives the campaign, the events after it and what was said."""
    recorded, said = list(events), []
    campaign = Campaign(PLAN, lambda *happened: recorded.extend(happened), events)
    begin_launch(campaign, head or {}, said.append)
    return campaign, recorded, said


@pytest.mark.parametrize(
    ("now", "says"),
    [
        ({"torch": "2.13.0"}, ["torch 2.13.0 (before 2.12.0)"]),
        ({"torch": "2.12.0+cu130"}, []),  # another build of the same
        ({"rdkit": "2026.9.1", "numpy": "2.4.6"}, ["rdkit 2026.9.1 (before 2026.3.6)"]),  # numpy was not recorded
        ({"ray": "3.0.0"}, []),
        ({"gear-search": "0.2.0"}, [f"this program at 0.2.0 {'a' * 12} (before 0.1.0 {'a' * 12})"]),
        ({"commit": "b" * 40}, [f"this program at 0.1.0 {'b' * 12} (before 0.1.0 {'a' * 12})"]),
        ({"commit": "a" * 40 + "+changes"}, [f"this program at 0.1.0 {'a' * 12}+ (before 0.1.0 {'a' * 12})"]),
    ],
)
def test_what_changes_numbers_and_differs_is_named(now, says):
    assert changes(BEFORE, BEFORE | now) == says
    assert changes({}, BEFORE | now) == []


def test_a_difference_is_said_once_and_not_at_the_first_launch(installed):
    installed()
    _, events, said = launch(())
    assert said == []
    installed(torch="2.13.0")
    _, events, (line,) = launch(events)
    assert line.startswith("campaign quick-1 goes on with torch 2.13.0 (before 2.12.0): ")
    assert launch(events)[2] == []
    installed()
    assert "torch 2.12.0 (before 2.13.0)" in launch(events)[2][0]


def test_a_campaign_of_an_earlier_version_has_those_of_its_first_launch_in_its_head(installed):
    installed(torch="2.13.0")
    assert "torch 2.13.0 (before 2.12.0)" in launch((), {"versions": BEFORE})[2][0]


def test_every_trial_has_the_versions_of_the_launches_that_trained_it(installed):
    first = installed()
    campaign, events, _ = launch(())
    campaign.next_job("ticket")  # and the driver dies
    second = installed(torch="2.13.0")
    _, events, _ = launch(events)
    simulation = Simulation(PLAN, [tuple(events)])
    simulation.run()
    interrupted, later = simulation.campaign.studies[STL].trials
    assert (interrupted.versions, later.versions) == ((first, second), (second,))
    assert [launched.versions for launched in simulation.campaign.launches] == [first, second]


def test_the_commit_is_that_of_a_checkout_and_says_whether_files_were_changed(tmp_path):
    assert commit(tmp_path) == {}

    def git(*arguments):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "one")
    clean = commit(tmp_path)["commit"]
    assert len(clean) == 40
    (tmp_path / "file").write_text("two")
    assert commit(tmp_path) == {"commit": f"{clean}+changes"}
