"""The flags of a search: made from its settings, never abbreviated, and what they mean for a resumed campaign."""

import dataclasses

import pytest

from gear.config import PairSpec, TaskSpec
from gear.errors import InputDataError, UnknownNameError
from search.cli.run_options import begun_again, extended, make_parser, new_plan
from search.plan.plan_file import plan_to_toml
from search.plan.setting import settings_of
from search.plan.settings import SearchSettings
from tests.support.fake_training import small_plan

OTHER = {bool: False, int: 7, float: 2.5}


def parse(*flags):
    return make_parser().parse_args(flags)


def own(tmp_path, **target):
    """A campaign on a user's two tables."""
    task = {"file": str(tmp_path / "mine.csv"), "column": "tg", "unit": "K"} | target
    source = TaskSpec("tm", file=str(tmp_path / "other.csv"), column="tm", log10=True, smiles_column="SMILES")
    return dataclasses.replace(small_plan(), pairs=(PairSpec(TaskSpec("tg", **task), (source, TaskSpec("bp"))),))


@pytest.mark.parametrize("setting", settings_of(SearchSettings), ids=lambda setting: setting.name)
def test_every_setting_has_a_flag(setting):
    wanted = OTHER.get(setting.kind)
    words = [setting.flag, "7" if setting.kind is int else "2.5"]
    if setting.kind is bool:
        words = [f"--no-{setting.flag[2:]}"]
    elif wanted is None and isinstance(setting.default, tuple):
        wanted = ("curvature.every",) if setting.name == "vary" else ("a", "b")
        words = [setting.flag, *wanted]
    elif wanted is None:
        wanted = {"sampler": "gp", "final": "refit"}.get(setting.name, setting.default)
        words = [setting.flag, wanted]
    plan, _ = new_plan(parse("--splits", "random", *words), gpu=False)
    assert getattr(plan.search, setting.name) == wanted
    assert f"{setting.flag}" in make_parser().format_help()


@pytest.mark.parametrize("flags", [["--clust", "cluster.yaml"], ["--trial", "3"], ["--res"], ["--no-such-flag"]])
def test_a_flag_is_never_abbreviated(flags, capsys):
    with pytest.raises(SystemExit) as end:
        parse(*flags)
    told = capsys.readouterr().err
    assert end.value.code == 2
    assert told.startswith(f"error: unrecognized arguments: {flags[0]}")
    assert told.count("\n") == 1


@pytest.mark.parametrize("flags", [["--plan", "p.toml", "--preset", "quick"], ["--resume", "--or-resume"]])
def test_flags_that_contradict_each_other_are_refused(flags, capsys):
    with pytest.raises(SystemExit):
        parse(*flags)
    assert "not allowed with argument" in capsys.readouterr().err


@pytest.mark.parametrize(
    "flags",
    [
        ["--pairs", "hv_from_ds"],
        ["--pairs", "hv_from_d*"],
        ["--splits", "random"],
        ["--methods", "stl", "gear"],
        ["--preset", "quick"],
        ["--labels", "all"],
        ["--overlap", "excluded"],
        ["--epochs", "9", "--seed", "0", "--sampler", "tpe"],
        ["--embedding", "dmpnn"],
        ["--gpus-per-trial", "0"],
    ],
)
def test_a_resume_accepts_a_flag_that_changes_nothing(flags):
    plan = small_plan()
    assert extended(plan, parse("--resume", *flags)) == plan


def test_a_resume_extends_what_may_change():
    plan = small_plan(trials=8)
    asked = extended(plan, parse("--resume", *"--trials 12 --finalists 3 --final refit --epoch-timeout 5m".split()))
    changed = {"trials": 12, "finalists": 3, "final": "refit", "epoch_timeout": 300.0}
    assert asked == dataclasses.replace(plan, search=dataclasses.replace(plan.search, **changed))
    with pytest.raises(InputDataError, match="--trials 4: the campaign has 8 already"):
        extended(plan, parse("--resume", "--trials", "4"))


@pytest.mark.parametrize(
    "flags",
    [
        ["--pairs", "hv_from_bp"],
        ["--splits", "scaffold"],
        ["--labels", "60"],
        ["--overlap", "allowed"],
        ["--label-noise", "outliers5"],
        ["--methods", "stl"],
        ["--epochs", "50"],
        ["--embedding", "text"],
        ["--source-embedding", "fingerprint"],
        ["--preset", "benchmark"],
        ["--no-transfer-starts"],
        ["--vary", "curvature.every"],
        ["--grace-steps", "7"],
        ["--gpus-per-trial", "0.5"],
        ["--target-data", "mine.csv"],
        ["--target-log"],
        ["--target-unit", "K"],
        ["--smiles-column", "SMILES"],
        ["--drop-bad-rows"],
        ["--censored", "learn"],
        ["--source-property", "bp"],
        ["--features", "temperature"],
        ["--source-features", "temperature"],
    ],
)
def test_a_resume_names_the_flag_that_it_cannot_follow(flags):
    with pytest.raises(InputDataError, match=f"^{flags[0]} cannot change campaign test"):
        extended(small_plan(), parse("--resume", "--trials", "12", "--seed", "0", *flags))


def test_a_name_that_does_not_exist_is_an_error_of_its_own_on_a_resume():
    with pytest.raises(UnknownNameError, match="unknown method 'magic'"):
        extended(small_plan(), parse("--resume", "--methods", "magic"))


def test_modifiers_of_splits_are_understood_on_a_resume():
    plan = small_plan(splits=("random-n30", "random-n60"))
    for flags in (["--labels", "30", "60"], ["--splits", "random", "--labels", "60", "30"], ["--splits", *plan.splits]):
        assert extended(plan, parse("--resume", *flags)) == plan
    with pytest.raises(InputDataError, match="--labels cannot change"):
        extended(plan, parse("--resume", "--labels", "30"))


@pytest.mark.parametrize(
    "flags",
    [
        ["--target-data", "mine.csv", "--target-column", "tg"],
        ["--target-unit", "K", "--source-log"],
        ["--source-data", "other.csv", "--source-column", "tm", "--source-property", "bp"],
        ["--source-smiles-column", "SMILES", "--target-smiles-column", "smiles"],
    ],
)
def test_a_resume_accepts_the_flags_of_ones_own_pair_again(flags, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = own(tmp_path)
    assert extended(plan, parse("--resume", *flags)) == plan


@pytest.mark.parametrize(
    "flags",
    [
        ["--target-data", "another.csv"],
        ["--target-column", "tc"],
        ["--source-column", "td"],
        ["--target-log"],
        ["--target-unit", "C"],
        ["--source-unit", "K"],
        ["--smiles-column", "SMILES"],
        ["--split-column", "part"],
        ["--drop-bad-rows"],
        ["--censored", "learn"],
        ["--source-property", "mp"],
        ["--features", "temperature"],
        ["--pairs", "hv_from_ds"],
    ],
)
def test_a_resume_refuses_another_pair_of_ones_own(flags, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputDataError, match=f"^{flags[0]} cannot change"):
        extended(own(tmp_path), parse("--resume", "--trials", "12", *flags))


TABLES = "--target-data mine.csv --target-column tg --source-data o.csv --source-column tm --source-property bp".split()


@pytest.mark.parametrize(
    ("flags", "of_source"),
    [
        ([], ("temperature", "ph")),
        (["--source-features", "ph"], ("ph",)),
        (["--source-features"], ()),
    ],
)
def test_feature_columns_are_read_from_every_table_that_has_them(flags, of_source, tmp_path):
    plan, _ = new_plan(parse(*TABLES, "--features", "temperature", "ph", *flags), gpu=False)
    (pair,) = plan.pairs
    assert pair.target.features == ("temperature", "ph")
    assert [source.features for source in pair.sources] == [of_source, ()]
    assert extended(plan, parse("--resume", "--features", "temperature", "ph")) == plan
    (tmp_path / "plan.toml").write_text(plan_to_toml(plan))
    assert extended(plan, parse("--resume", "--plan", str(tmp_path / "plan.toml"))) == plan
    with pytest.raises(InputDataError, match=r"^--features cannot change"):
        extended(plan, parse("--resume", "--features", "temperature"))
    with pytest.raises(InputDataError, match=r"begun with another plan \(other pairs\)"):
        begun_again(plan, new_plan(parse(*TABLES), gpu=False)[0])


def test_source_features_need_those_of_the_target():
    with pytest.raises(InputDataError, match="source tm has the feature column 'ph', which target tg lacks"):
        new_plan(parse(*TABLES, "--source-features", "ph"), gpu=False)


def test_a_resume_compares_a_plan_file(tmp_path):
    plan, path = small_plan(trials=8), tmp_path / "plan.toml"
    path.write_text(plan_to_toml(plan))
    assert extended(plan, parse("--resume", "--plan", str(path))) == plan
    assert extended(plan, parse("--resume", "--plan", str(path), "--trials", "9")).search.trials == 9
    path.write_text(plan_to_toml(small_plan(trials=8, seed=5)))
    with pytest.raises(InputDataError, match=r"^--plan cannot change"):
        extended(plan, parse("--resume", "--plan", str(path)))


@pytest.mark.parametrize(
    "flags", [["--target-log"], ["--smiles-column", "x"], ["--drop-bad-rows"], ["--source-property", "bp"]]
)
def test_flags_that_describe_no_table_are_refused(flags):
    with pytest.raises(InputDataError, match="a pair of your own needs --target-data"):
        new_plan(parse(*flags), gpu=False)


MINE = ("--target-data", "mine.csv", "--target-column", "tg")


@pytest.mark.parametrize(
    "flags", [[], ["--source-property", "auto"], ["--methods", "stl", "mtl"], ["--methods", "all"]]
)
def test_a_target_without_a_named_source_takes_the_most_helpful_one(flags, monkeypatch):
    asked = []

    def chosen(target, args, splits):
        asked.append(target.property)
        assert splits == ("random", "scaffold")
        return (TaskSpec("bp"),)

    monkeypatch.setattr("search.cli.run_options.choose_sources", chosen)
    plan, _ = new_plan(parse(*MINE, *flags), gpu=False)
    assert [pair.id for pair in plan.pairs] == ["tg_from_bp"]
    assert asked == ["tg"]


def test_methods_that_use_only_the_target_need_no_source():
    plan, _ = new_plan(parse(*MINE, "--methods", "stl", "svr"), gpu=False)
    assert [study.name for study in plan.studies] == [
        f"tg.{split}.{method}" for split in ("random", "scaffold") for method in ("stl", "svr")
    ]
    plan, _ = new_plan(parse("--pairs", "hv", "--methods", "gp", "--splits", "random"), gpu=False)
    assert [study.name for study in plan.studies] == ["hv.random.gp"]


def test_methods_that_need_a_source_are_refused_without_one():
    with pytest.raises(
        InputDataError, match="target hv has no source, which gear needs: name one, or use --methods stl"
    ):
        new_plan(parse("--pairs", "hv", "--methods", "stl", "gear"), gpu=False)
    with pytest.raises(InputDataError, match="target hv has no source, which gear-no-curv needs"):
        new_plan(parse("--pairs", "hv", "--methods", "gear-no-curv"), gpu=False)


def test_auto_stands_by_itself():
    with pytest.raises(InputDataError, match="--source-property auto chooses the source: name no other"):
        new_plan(parse(*MINE, "--source-property", "auto", "bp"), gpu=False)


def test_a_resume_keeps_the_source_that_was_chosen(tmp_path):
    plan = own(tmp_path)
    pair = dataclasses.replace(plan.pairs[0], sources=(TaskSpec("bp"),))
    plan = dataclasses.replace(plan, pairs=(pair,))
    again = extended(plan, parse("--resume", "--source-property", "auto", "--trials", "12"))
    assert again.pairs == (pair,)


def test_labels_take_the_place_of_those_of_the_preset():
    plan, _ = new_plan(parse("--preset", "quick", "--labels", "30"), gpu=False)
    assert plan.splits == ("random-n30", "scaffold-n30")
    with pytest.raises(InputDataError, match="names its number of labels already"):
        new_plan(parse("--splits", "random-n60", "--labels", "30"), gpu=False)


def test_another_command_is_told_what_differs():
    asked, _ = new_plan(parse("--name", "mine"), gpu=False)
    other, _ = new_plan(parse("--name", "mine", "--seed", "3", "--methods", "stl"), gpu=False)
    with pytest.raises(InputDataError, match=r"begun with another plan \(other methods, seed\)"):
        begun_again(asked, other)


@pytest.mark.parametrize("how", ["drop", "bound", "learn"])
def test_what_becomes_of_censored_values_is_recorded_of_every_table(how, tmp_path):
    plan, _ = new_plan(parse(*TABLES, "--censored", how), gpu=False)
    target, mine, built_in = plan.pairs[0].target, *plan.pairs[0].sources
    assert (target.censored, mine.censored, built_in.censored) == (how, how, "refuse")
    for flags in ([], ["--censored", how]):
        assert extended(plan, parse("--resume", *flags)) == plan


@pytest.mark.parametrize("flags", [["--pairs", "hv_from_ds"], [*MINE, "--source-property", "bp"]])
def test_a_campaign_of_an_earlier_version_goes_on_with_the_keys_of_its_time(flags):
    asked, _ = new_plan(parse("--name", "mine", *flags), gpu=False)
    recorded = dataclasses.replace(asked, pairs=tuple(dataclasses.replace(p, key_version=1) for p in asked.pairs))
    assert begun_again(recorded, asked).pairs == recorded.pairs
    assert extended(recorded, parse("--resume", "--trials", "99", *flags)).pairs == recorded.pairs


@pytest.mark.parametrize(
    ("splits", "folds"),
    [
        ("random", [3]),
        ("random scaffold-n60", [3, 3]),
        ("extrapolation-high", [1]),
        ("random random-fold1", [3, 1]),
    ],
)
def test_a_split_that_says_which_molecules_validate_has_one_fold_and_others_those_of_the_preset(splits, folds):
    plan, _ = new_plan(parse("--pairs", "hv_from_ds", "--splits", *splits.split()), gpu=False)
    assert [plan.folds(split, "search") for split in plan.splits] == folds
    assert [plan.folds(split, "refit") for split in plan.splits] == [1 if count == 1 else 4 for count in folds]


def test_several_folds_are_refused_where_no_split_can_have_them():
    asked = ["--pairs", "hv_from_ds", "--validation-folds", "2", "--splits"]
    with pytest.raises(InputDataError, match="says which molecules validate: use --validation-folds 1"):
        new_plan(parse(*asked, "extrapolation-high", "random-fold1"), gpu=False)
    plan, _ = new_plan(parse(*asked, "extrapolation-high", "random"), gpu=False)
    assert [plan.folds(split, "search") for split in plan.splits] == [1, 2]
