"""Damage of a campaign's events: the same campaign is read, or one line names what lacks; a repair keeps the rest."""

import dataclasses
import functools
import json
import re
import shutil
from pathlib import Path

import pytest

from gear.errors import StorageError, UnknownNameError
from search.campaign.campaign import Campaign
from search.campaign.events import EpochReported, TrialAsked, TrialEnded, encode
from search.cli import repair as command
from search.cli import status
from search.plan.plan_file import plan_to_dict, plan_to_toml
from search.storage.append_log import AppendedLog
from search.storage.campaign_store import CampaignStore, plan_in, read_events
from search.storage.event_log import make_line
from search.storage.layout import trial_folder
from search.storage.local import LocalPath
from search.storage.repair import repair
from search.storage.snapshot import take_snapshot
from tests.support.damage import LINES, apply_damage, damaging
from tests.support.fake_training import Simulation, small_plan

PLAN = small_plan("c", trials=4)
HEAD = {"plan": plan_to_dict(PLAN), "data": {}, "created": "monday"}


def write(folder, steps, clean=True):
    """A campaign of three launches, the last of which is killed unless it ends cleanly."""
    third = len(steps) // 3
    store = CampaignStore.create(folder, HEAD, plan_to_toml(PLAN))
    for number, step in enumerate(steps):
        if number in (third, 2 * third):
            store.__exit__()
            store = CampaignStore.resume(folder)
        store.append(*step)
        for event in step:
            if isinstance(event, TrialAsked):
                config = {"config": event.config}
                place = folder.path / trial_folder(event.study, event.number) / "trial.json"
                place.parent.mkdir(parents=True)
                place.write_text(json.dumps(config))
    if clean:
        store.__exit__()
    else:
        store._lease._stop.set()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The steps of a campaign, and its folder: several segments, three launches, a clean end."""
    simulation = Simulation(PLAN)
    simulation.run()
    folder = LocalPath(tmp_path_factory.mktemp("recorded") / "c")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AppendedLog, "max_lines", 20)
        write(folder, simulation.steps)
    return simulation.steps, folder.path


@pytest.fixture
def damaged(recorded, tmp_path):
    """A copy to damage."""
    return LocalPath(shutil.copytree(recorded[1], tmp_path / "c"))


def segments(folder):
    return sorted(folder.path.glob("events/*.jsonl"))


def trials(folder):
    campaign = take_snapshot(folder).campaign
    return {name: study.trials for name, study in campaign.studies.items()}


def refusal(folder):
    """The line that a damaged campaign is refused with."""
    with pytest.raises(StorageError) as error:
        take_snapshot(folder)
    assert "\n" not in str(error.value)
    assert "gear-search repair c --storage" in str(error.value)
    return str(error.value)


def check_damage(whole, folder, damage):
    """One of the campaigns that are whole or one line, and nothing else; the folder is then as it was."""
    file, before = apply_damage(damage, segments(LocalPath(folder)))
    try:
        seen = trials(LocalPath(folder))
    except StorageError as error:
        line = str(error)
    else:
        line = ""
        assert seen in whole
    finally:
        file.write_bytes(before)
    assert "\n" not in line
    assert not line or "gear-search repair c" in line


@damaging(LINES, 200)
def test_no_damage_of_a_segment_is_silent(whole, copy, damage):
    check_damage([whole], copy, damage)


@pytest.mark.slow
@damaging(LINES, 2000)
def test_no_damage_of_a_segment_is_silent_in_two_thousand_tries(whole, copy, damage):
    check_damage([whole], copy, damage)


@pytest.fixture(scope="module")
def killed(recorded, tmp_path_factory):
    """The folder of a campaign whose driver was killed after some epochs, and what may be read from it."""
    steps = recorded[0]
    durable = [not all(isinstance(event, EpochReported) for event in step) for step in steps]
    end = next(n for n in range(len(steps) - 1, 0, -1) if not any(durable[n - 3 : n]))
    place = LocalPath(tmp_path_factory.mktemp("killed") / "c")
    write(place, steps[:end], clean=False)
    marked = max(n for n in range(end) if durable[n]) + 1
    found = []
    for n in range(marked, end + 1):
        campaign = Campaign(PLAN, events=[event for step in steps[:n] for event in step])
        found.append({name: study.trials for name, study in campaign.studies.items()})
    return place.path, found


@damaging(LINES, 100)
def test_of_a_killed_driver_only_epochs_after_the_last_step_can_go_with_it(killed, damage):
    """They need not survive a crash, so that it cannot be told from one whether they were there."""
    folder, allowed = killed
    check_damage(allowed, folder, damage)


@pytest.fixture(scope="module")
def whole(recorded):
    return trials(LocalPath(recorded[1]))


@pytest.fixture(scope="module")
def copy(recorded, tmp_path_factory):
    return Path(shutil.copytree(recorded[1], tmp_path_factory.mktemp("copy") / "c"))


@damaging(LINES, 25)
def test_a_repair_keeps_what_is_whole_and_invents_nothing(recorded, whole, tmp_path_factory, damage):
    folder = LocalPath(shutil.copytree(recorded[1], tmp_path_factory.mktemp("repair") / "c"))
    apply_damage(damage, segments(folder))
    before = {file.name: file.read_bytes() for file in segments(folder)}
    try:
        damage_seen = trials(folder) != whole
    except StorageError:
        damage_seen = True
    said = repair(folder)
    assert bool(said) == damage_seen
    assert {file.name: file.read_bytes() for file in segments(folder)} == before
    for study, kept in trials(folder).items():
        assert len(kept) <= len(whole[study])
        for mine, original in zip(kept, whole[study], strict=False):
            assert mine.config == original.config
            assert mine.curve.items() <= original.curve.items()
            assert mine.state in (original.state, "running") or mine.reason.startswith("its beginning is lost")
    assert repair(folder) == []


def test_a_lost_segment_in_the_middle_costs_only_its_own_events(recorded, damaged):
    gone = segments(damaged)[1]
    gone.unlink()
    assert f"{gone} is missing" in refusal(damaged)
    said = repair(damaged)
    assert any(re.fullmatch(r"lines \d+ to \d+ are lost", line) for line in said)
    after = list(read_events(damaged))
    original = [event for step in recorded[0] for event in step]
    asked = {(e.study, e.number) for e in after if isinstance(e, TrialAsked) and e.origin != "lost"}
    kept = [e for e in original if isinstance(e, TrialEnded) and e in after]
    assert kept
    assert all((e.study, e.number) in asked for e in kept)


def test_a_repaired_campaign_goes_on(damaged):
    segments(damaged)[0].unlink()
    repair(damaged)
    steps = []
    with CampaignStore.resume(damaged) as store:
        simulation = Simulation(PLAN, [tuple([event]) for event in store.events()])
        simulation.campaign.listeners.append(lambda *events: store.append(*events))
        simulation.run()
        assert simulation.campaign.done
        steps = simulation.events
    assert list(read_events(damaged)) == steps


def test_the_end_of_the_events_cannot_be_lost(damaged):
    last = segments(damaged)[-1]
    lines = last.read_bytes().splitlines(keepends=True)
    last.write_bytes(b"".join(lines[:-1]))
    assert "events ends too early: line" in refusal(damaged)


def test_a_missing_folder_of_events_is_damage(damaged):
    shutil.rmtree(damaged.path / "events")
    assert "are missing" in refusal(damaged)


def test_a_missing_lease_is_damage_and_repaired(damaged, whole):
    shutil.rmtree(damaged.path / "lease")
    assert "does not say how many events there are" in refusal(damaged)
    repair(damaged)
    assert trials(damaged) == whole


def test_a_stray_copy_of_a_segment_does_not_count(damaged, whole):
    shutil.copy(segments(damaged)[0], damaged.path / "events/000001 copy.jsonl")
    shutil.copy(segments(damaged)[0], damaged.path / "events/x000001.jsonl")
    assert trials(damaged) == whole


def test_a_copy_of_a_segment_with_a_proper_name_is_told(damaged):
    found = segments(damaged)
    shutil.copy(found[-1], damaged.path / f"events/{len(found) + 1:06d}.jsonl")
    assert "is there twice" in refusal(damaged)


def test_what_a_driver_wrote_after_it_lost_the_campaign_does_not_count(damaged, whole):
    number = sum(len(file.read_bytes().splitlines()) for file in segments(damaged))
    ended = {"event": "TrialEnded", "study": "hv_from_ds.random.gear", "number": 0, "state": "failed", "reason": "",
             "value": None, "epochs": 1}  # fmt: skip
    (damaged / f"events/{len(segments(damaged)) + 1:06d}.jsonl").write_bytes(make_line(number + 1, 1, [ended]))
    assert trials(damaged) == whole


@pytest.mark.parametrize("lost", [0, 1, 3])
def test_the_line_of_an_old_driver_gives_way_to_those_of_the_next(tmp_path, lost):
    """It was stopped between its look at the lease and its write, and the next driver had read the events before."""
    folder = LocalPath(tmp_path / "c")
    epoch = EpochReported("s", 0, 0, 1, {})
    mine = [dataclasses.replace(epoch, epoch=number) for number in range(1, 6)]
    with CampaignStore.create(folder, HEAD, "") as store:
        for event in mine[:3]:
            store.append(event)
    with CampaignStore.resume(folder) as store:
        segment = folder.path / "events/000001.jsonl"
        stray = [make_line(4 + k, 1, [encode(dataclasses.replace(epoch, epoch=99))]) for k in range(lost)]
        segment.write_bytes(segment.read_bytes() + b"".join(stray))
        for event in mine[3:]:
            store.append(event)
        assert list(store.events()) == mine
    assert list(read_events(folder)) == mine


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"format": 5}', '{"format": 5, "plan": []}', '{"plan": {}}', "", "x", '{"format": "5"}']
)
def test_a_damaged_campaign_json_is_one_line(damaged, content):
    (damaged / "campaign.json").write_text(content)
    with pytest.raises(StorageError, match=r"campaign\.json is damaged: .*restore it from a copy") as error:
        take_snapshot(damaged)
    assert "\n" not in str(error.value)


def places(value, path=()):
    """The path of everything in a JSON value."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from places(item, (*path, name))


UNREAD = (("plan", "name"), ("plan", "preset"))  # the name is that of the folder, and the preset is only shown


@pytest.mark.parametrize(
    "path", [("plan", *path) for path in places(HEAD["plan"])], ids=lambda path: ".".join(map(str, path))
)
def test_a_plan_of_another_shape_is_one_line_that_names_the_file(tmp_path, path):
    """Or a plan, where the value may be such a one; of most kinds it may not be."""
    refused = 0
    for wrong in (None, [], {}, "x", -1, 1.5, True):
        head = json.loads(json.dumps(HEAD))
        *above, last = path
        functools.reduce(lambda value, name: value[name], above, head)[last] = wrong
        try:
            plan_in(LocalPath(tmp_path), head)
        except UnknownNameError as error:
            line = str(error)
        except StorageError as error:
            line = str(error)
            assert "campaign.json is damaged: " in line
        else:
            continue
        refused += 1
        assert "\n" not in line
    assert refused == 0 if path in UNREAD else refused >= 5


def old_campaign(folder, steps, number):
    """A campaign as formats 4 and 5 have it: no numbers, no checksums, and a lease that says nothing of lines."""
    half = len(steps) // 2
    for name, part in (("000001.jsonl", steps[:half]), ("000002.jsonl", steps[half:])):
        lines = [json.dumps([encode(event) for event in step], separators=(",", ":")) + "\n" for step in part]
        (folder / "events" / name).write_text("".join(lines))
    (folder / "campaign.json").write_text(json.dumps({"format": number, **HEAD}))
    (folder / "lease/000002.json").write_text("{}")


@pytest.fixture(params=[4, 5])
def old(request, recorded, tmp_path):
    folder = LocalPath(tmp_path / "c")
    old_campaign(folder, recorded[0], request.param)
    return folder


def test_a_campaign_of_an_earlier_format_is_read_and_from_its_next_launch_on_protected(old, whole):
    assert trials(old) == whole
    with CampaignStore.resume(old) as store:
        store.update(store.head, "")
    assert trials(old) == whole
    last = segments(old)[-1]
    last.write_bytes(b"".join(last.read_bytes().splitlines(keepends=True)[:-1]))
    assert "ends too early" in refusal(old)


@pytest.mark.parametrize(
    ("segment", "mutate", "says"),
    [
        (0, lambda lines: lines[1:], "never began|of which 0 began before"),
        (1, lambda lines: [*lines, lines[-1]], "which has ended before"),
        (0, lambda lines: [line.replace("random.gear", "other") for line in lines], "which is not in the plan"),
    ],
)
def test_events_of_an_earlier_format_that_do_not_fit_are_one_line_and_repaired(old, segment, mutate, says):
    file = segments(old)[segment]
    file.write_text("\n".join(mutate(file.read_text().splitlines())) + "\n")
    with pytest.raises(StorageError, match=says) as error:
        take_snapshot(old)
    assert "gear-search repair c" in str(error.value)
    assert repair(old)
    take_snapshot(old)


def test_a_missing_segment_of_an_earlier_format_is_named(old):
    segments(old)[0].unlink()
    assert "000001.jsonl is missing" in refusal(old)


def test_the_command_says_what_is_lost_and_how_to_go_on(damaged, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["search.cli.repair", "c", "--storage", str(damaged.parent)])
    assert command.main() == 0
    assert "are whole: there is nothing to repair" in capsys.readouterr().out
    segments(damaged)[-1].write_bytes(b"")
    assert status.main() == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert command.main() == 0
    assert status.main() == 0
    told = capsys.readouterr().out
    assert "are lost" in told
    assert f"resume it with: gear-search run --resume --name c --storage {damaged.parent}" in told


def test_a_campaign_that_a_driver_works_on_is_not_repaired(damaged, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["search.cli.repair", "c", "--storage", str(damaged.parent)])
    with CampaignStore.resume(damaged):
        assert command.main() == 2
    assert "is in use by process" in capsys.readouterr().err
