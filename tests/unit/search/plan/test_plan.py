"""A plan is what was asked for, or a line about why not."""

import dataclasses
from pathlib import Path

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gear.config import EmbeddingConfig, PairSpec, TaskSpec, TrialConfig
from gear.data import PAIRS
from gear.errors import InputDataError, UnknownNameError
from gear.methods import METHODS, find_method
from gear.variants import method_of
from search.plan.campaign_plan import check_settings, expand_methods, expand_pairs, make_plan, stable_seed
from search.plan.plan_file import plan_from_dict, plan_to_dict, plan_to_toml, read_plan
from search.plan.presets import PRESETS
from search.plan.settings import SearchSettings
from search.plan.space import defaults, suggest
from tests.support.fake_training import small_plan

EXAMPLES = Path(__file__).parents[4] / "examples/plugins"
OWN = PairSpec(
    TaskSpec("flashpoint", file="/data/a.csv", column="flash point", unit="K"),
    (TaskSpec("bp", file="/data/b.parquet", column="bp", log10=True), TaskSpec("hv")),
)


def test_quick_is_few_labels_of_related_pairs_with_and_without_transfer():
    names = {study.name for study in PRESETS["quick"].studies}
    assert {
        f"ct_from_bp.{split}-n60.{method}" for split in ("random", "scaffold") for method in ("gear", "stl")
    } <= names


def test_a_plan_of_an_earlier_version_means_what_it_meant():
    data = plan_to_dict(PRESETS["small"])
    del data["config"]["embedding"]["aggregation"], data["config"]["training"]["epoch_steps"]
    data["search"] |= {"grace_period": 4, "share": False, "warm_start": ["before"]}
    for name in ("grace_steps", "transfer_starts", "earlier_campaigns", "pruner"):
        del data["search"][name]
    plan = plan_from_dict(data)
    assert (plan.config.embedding.aggregation, plan.config.training.epoch_steps) == ("mean", 1)
    assert plan.search.grace_steps == 4  # an epoch had one step at least
    assert (plan.search.transfer_starts, plan.search.earlier_campaigns) == (False, ("before",))
    assert plan.search.pruner == "halving"


def test_pairs_of_an_earlier_version_have_the_keys_of_its_time():
    plan = dataclasses.replace(small_plan(), pairs=(*expand_pairs(["hv_from_ds"]), OWN))
    data = plan_to_dict(plan)
    del data["key_version"], data["pairs"][1]["key_version"]
    older = plan_from_dict(data)
    assert [pair.key_version for pair in older.pairs] == [1, 1]
    assert [pair.key_version for pair in plan.pairs] == [2, 2]
    assert plan_from_dict(plan_to_dict(older)) == older
    mixed = dataclasses.replace(plan, pairs=(plan.pairs[0], older.pairs[1]))
    assert plan_from_dict(plan_to_dict(mixed)) == mixed


def test_a_plan_file_written_by_hand_or_by_an_earlier_version_has_the_keys_of_today(tmp_path):
    data = plan_to_dict(dataclasses.replace(small_plan(), pairs=(*expand_pairs(["hv_from_ds"]), OWN)))
    text = plan_to_toml(plan_from_dict(data)).replace("key_version = 2\n", "")
    (tmp_path / "plan.toml").write_text(text)
    assert [pair.key_version for pair in read_plan(tmp_path / "plan.toml").pairs] == [2, 2]


def test_a_version_of_keys_that_does_not_exist_is_one_line():
    with pytest.raises(InputDataError, match="key_version must be one of 1, 2, got 3"):
        plan_from_dict(plan_to_dict(small_plan()) | {"key_version": 3})


@pytest.mark.parametrize("name", ["grace_period", "share", "warm_start"])
def test_an_old_name_beside_the_new_one_is_unknown(name):
    data = plan_to_dict(PRESETS["small"])
    data["search"][name] = 1
    with pytest.raises(InputDataError, match=rf"unknown key search\.{name}"):
        plan_from_dict(data)


@pytest.mark.parametrize(
    ("split", "folds"),
    [
        ("random-n60", 5),
        ("scaffold-n240", 5),
        ("random-n240-overlap-gaussian20", 5),
        ("random-n241", 1),
        ("random", 1),
        ("random-fold1-n60", 1),
        ("extrapolation-high-n60", 1),
        ("my_module+my_split-n60", 1),
    ],
)
def test_few_labels_that_no_split_fixes_are_validated_by_five_folds(split, folds):
    plan = small_plan(splits=(split,))
    assert plan.folds(split, "search") == plan.folds(split, "rescore") == folds


def test_a_number_of_folds_that_is_given_holds_for_every_split():
    plan = small_plan(splits=("random", "random-n60"), validation_folds=2)
    assert [plan.folds(split, "search") for split in plan.splits] == [2, 2]


def test_an_earlier_plan_keeps_the_single_fold_that_it_recorded():
    data = plan_to_dict(small_plan(splits=("random-n60",)))
    data["search"]["validation_folds"] = 1
    assert plan_from_dict(data).folds("random-n60", "search") == 1


def test_the_benchmark_is_every_pair_and_method_with_few_labels_and_six_pairs_with_all():
    few, whole = PRESETS["benchmark"], PRESETS["benchmark-all"]
    assert len(few.studies) == len(PAIRS) * 4 * len(METHODS)
    assert set(few.splits) == {"random-n60", "random-n240", "scaffold-n60", "scaffold-n240"}
    assert len(whole.studies) == 6 * 2 * len(METHODS)
    assert (few.methods, few.epochs, few.search.trials) == (whole.methods, whole.epochs, whole.search.trials)
    assert {few.search.final, whole.search.final} == {"blend"}
    assert few.search.finalists > 1  # below two there are no fresh seeds


def test_sensitivity_is_asked_of_whole_trials_that_no_sampler_chose():
    plan = PRESETS["sensitivity"]
    assert (plan.search.sampler, plan.search.pruner, plan.search.transfer_starts) == ("random", "none", False)
    assert {"curvature.matching", "curvature.immersion"} <= set(plan.search.vary)


def test_pairs_can_be_globs_and_come_once():
    found = [pair.id for pair in expand_pairs(["hv_from_*", "hv_from_ds"])]
    assert found == [pair for pair in PAIRS if pair.startswith("hv_from_")]
    assert [pair.id for pair in expand_pairs(["all"])] == list(PAIRS)


def test_a_pair_can_have_several_sources():
    (pair,) = expand_pairs(["hv_from_bp+ds"])
    assert (pair.id, [source.property for source in pair.sources]) == ("hv_from_bp+ds", ["bp", "ds"])
    with pytest.raises(InputDataError, match="names a task twice"):
        expand_pairs(["hv_from_ds+ds"])


def test_the_papers_first_experiments_have_a_preset_each():
    names = {study.name for study in PRESETS["ablation"].studies}
    assert {"dk_from_lp.random.gear", "dk_from_lp.random.gear-no-curv"} <= names
    assert [s.name for s in PRESETS["sanity"].studies] == ["hv_from_ds.random.gear", "hv_from_ds.random.stl"]
    assert "random-gaussian20" in PRESETS["noise"].splits
    assert "extrapolation-high" in PRESETS["extrapolation"].splits
    small = set(PRESETS) - {"benchmark", "benchmark-all", "sensitivity", "curves"}
    for name in small:  # a method that is fitted at once takes seconds
        trained = [
            study for study in PRESETS[name].studies if not find_method(method_of(study.method).method).fits_at_once
        ]
        assert PRESETS[name].search.trials * len(trained) <= 64


def test_forms_of_input_that_a_trial_may_read_are_known_beforehand():
    plan = small_plan()
    assert plan.embedding_kinds == {"dmpnn"}
    mixed = dataclasses.replace(plan.config, embedding=EmbeddingConfig(source_kind="text"))
    assert dataclasses.replace(plan, config=mixed).embedding_kinds == {"dmpnn", "text"}
    joined = dataclasses.replace(plan.config, embedding=EmbeddingConfig("dmpnn+descriptors", source_kind="dmpnn"))
    assert dataclasses.replace(plan, config=joined).embedding_kinds == {"dmpnn", "dmpnn+descriptors"}
    unknown = dataclasses.replace(plan.config, embedding=EmbeddingConfig("dmpnn+graph"))
    with pytest.raises(UnknownNameError, match="unknown embedding 'graph'"):
        dataclasses.replace(plan, config=unknown)
    varied = dataclasses.replace(plan.search, vary=("embedding.kind",))
    assert dataclasses.replace(plan, search=varied).embedding_kinds == {"dmpnn", "descriptors", "fingerprint", "text"}
    assert small_plan(methods=["svr"]).embedding_kinds == {"descriptors", "fingerprint"}
    assert small_plan(methods=["stl", "svr"]).embedding_kinds == {"dmpnn", "descriptors", "fingerprint"}
    assert small_plan(methods=["stl", "svr"]).trained_kinds == {"dmpnn"}
    assert small_plan(methods=["svr"]).trained_kinds == set()


def test_own_code_that_trials_run_is_known_beforehand():
    config = dataclasses.replace(small_plan().config, embedding=EmbeddingConfig("mine:Groups"))
    splits = ("random", "mine.deep+by_weight", "mine+by_size-n60", "mine+by_size")
    plan = dataclasses.replace(small_plan(), splits=splits, config=config)
    assert plan.import_paths == ("mine:Groups", "mine.deep:by_weight", "mine:by_size")


@pytest.mark.parametrize(
    ("pattern", "named"), [("hv_from_nothing", "'nothing'"), ("nothing_*", r"'nothing_\*'"), ("hvs", "'hvs'")]
)
def test_a_pair_that_does_not_exist_is_named(pattern, named):
    with pytest.raises(UnknownNameError, match=named):
        expand_pairs([pattern])


@pytest.mark.parametrize(("field", "kind"), [("splits", "split"), ("methods", "method")])
def test_a_split_or_method_that_does_not_exist_is_named(field, kind):
    with pytest.raises(UnknownNameError, match=f"unknown {kind} 'nonsense'"):
        dataclasses.replace(PRESETS["quick"], **{field: ("nonsense",)})


def test_a_method_cannot_have_the_name_of_a_blend():
    with pytest.raises(InputDataError, match="a method cannot be named blend"):
        dataclasses.replace(PRESETS["quick"], methods=("stl", "blend=my_module:Blend"))


def test_the_same_twice_is_refused():
    with pytest.raises(InputDataError, match="names a split twice"):
        dataclasses.replace(PRESETS["quick"], splits=("random", "random"))


@pytest.mark.parametrize(("name", "value"), [("trials", 0), ("reduction_factor", 1.0), ("gpus_per_trial", -1.0)])
def test_settings_out_of_range_are_named(name, value):
    with pytest.raises(InputDataError, match=rf"search\.{name}"):
        SearchSettings(**{name: value})


@pytest.mark.parametrize("plan", [*PRESETS.values(), dataclasses.replace(small_plan(), pairs=(OWN,))])
def test_a_plan_survives_its_dict_and_its_toml(plan, tmp_path):
    assert plan_from_dict(plan_to_dict(plan)) == plan
    path = tmp_path / "plan.toml"
    path.write_text(plan_to_toml(plan))
    assert read_plan(path) == plan


def survives_toml(plan, folder):
    (folder / "plan.toml").write_text(plan_to_toml(plan), encoding="utf-8")
    return read_plan(folder / "plan.toml") == plan


@pytest.mark.parametrize(
    "column",
    ["🔥 Tg", 'a "quoted" name', "it's", "C:\\new\\table", "two\nlines\r\n", "tab\t\x00\x7f", "\u2028", "[x] = 1 # y"],
)
def test_a_column_of_any_name_survives_toml(tmp_path, column):
    own = dataclasses.replace(OWN, target=dataclasses.replace(OWN.target, column=column))
    assert survives_toml(dataclasses.replace(small_plan(), pairs=(own, *small_plan().pairs)), tmp_path)


TEXT = st.text(st.characters(codec="utf-8"), min_size=1)
TASKS = st.builds(
    TaskSpec,
    property=st.just("tg"),
    file=TEXT,
    column=TEXT,
    smiles_column=TEXT,
    unit=TEXT,
    split_column=st.none() | TEXT,
    log10=st.booleans(),
)


@given(target=TASKS, source=TASKS, built_in=st.booleans())
def test_a_pair_of_ones_own_files_survives_toml(tmp_path_factory, target, source, built_in):
    own = PairSpec(target, (dataclasses.replace(source, property="tm"), TaskSpec("hv")))
    pairs = (own, *small_plan().pairs) if built_in else (own,)
    assert survives_toml(dataclasses.replace(small_plan(), pairs=pairs), tmp_path_factory.getbasetemp())


def test_a_plan_file_may_be_short(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text('pairs = ["hv_from_*"]\nsplits = ["random"]\nmethods = ["stl"]\n[config.training]\nepochs = 5\n')
    plan = read_plan(path)
    assert (plan.epochs, plan.search) == (5, SearchSettings())
    assert plan.pairs == expand_pairs(["hv_from_*"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pairs = [", "cannot read plan"),
        ("speed = 1", "unknown key speed"),
        ('pairs = "hv_from_ds"', "pairs must be a list"),
        ('pairs=["hv_from_ds"]\nsplits=["random"]\nmethods=["stl"]\n[search]\ntrails = 3', "search.trails"),
        (
            'pairs=["hv_from_ds"]\nsplits=["random"]\nmethods=["stl"]\n[search]\ntrials = "3"',
            "search.trials must be int",
        ),
    ],
)
def test_what_is_wrong_with_a_plan_file_is_named(tmp_path, text, says):
    path = tmp_path / "plan.toml"
    path.write_text(text)
    with pytest.raises(InputDataError, match=says):
        read_plan(path)


def test_a_seed_depends_on_its_parts_alone():
    assert stable_seed(0, "hv_from_ds.random.gear", 3) == 1438728689  # the same on every machine
    assert len({stable_seed(s, name, n) for s in range(3) for name in "ab" for n in range(50)}) == 300


@pytest.fixture
def example(monkeypatch):
    """The example of a user's own method can be imported; gives its recorded name."""
    monkeypatch.syspath_prepend(EXAMPLES)
    return "corrected=my_method:Corrected"


def test_methods_come_by_name_all_together_and_by_import_path(example):
    assert expand_methods(["stl", "all", "gear-no-curv"]) == (
        "stl",
        *[m for m in METHODS if m != "stl"],
        "gear-no-curv",
    )
    assert expand_methods(["my_method:Corrected", "corrected=my_method:Corrected"]) == (example,)
    plan = make_plan(["hv_from_ds"], ["random"], ["my_method:Corrected"])
    assert [study.name for study in plan.studies] == ["hv_from_ds.random.corrected"]
    assert plan.import_paths == ("my_method:Corrected",)
    with pytest.raises(UnknownNameError, match="unknown method 'magic'"):
        expand_methods(["magic"])


def test_a_plan_is_read_where_its_plug_ins_are_not(tmp_path):
    plan = small_plan(methods=["stl", "mine=no_such_module:Mine"])
    assert plan_from_dict(plan_to_dict(plan)) == plan
    assert plan.studies[1].name == "hv_from_ds.random.mine"
    with pytest.raises(InputDataError, match="names a method twice: mine, mine"):
        small_plan(methods=["mine=no_such_module:Mine", "mine=other:Mine"])
    with pytest.raises(UnknownNameError):
        small_plan(methods=["no_such_module:Mine"])  # without a name there is no name of its studies


def test_a_users_plan_names_methods_as_the_command_does(example, tmp_path):
    (tmp_path / "mine.toml").write_text(
        'pairs = ["hv_from_ds"]\nsplits = ["random"]\nmethods = ["my_method:Corrected"]\n'
        "[config.settings]\ncorrection = 0.1\n"
    )
    plan = read_plan(tmp_path / "mine.toml")
    assert (plan.methods, plan.config.settings) == ((example,), {"correction": 0.1})
    (tmp_path / "again.toml").write_text(plan_to_toml(plan))
    assert read_plan(tmp_path / "again.toml") == plan


def test_a_setting_that_no_method_of_the_plan_has_is_refused(example):
    check_settings(small_plan(methods=[example, "stl"]))
    plan = small_plan(methods=["stl", example], vary=("settings.corection",))
    with pytest.raises(UnknownNameError, match=r"unknown setting 'settings\.corection'"):
        check_settings(plan)
    wrong = dataclasses.replace(small_plan(methods=[example]), config=TrialConfig(settings={"x": 1}))
    with pytest.raises(UnknownNameError, match=r"unknown setting 'settings\.x'; known: settings\.correction"):
        check_settings(wrong)


def test_settings_of_a_plug_in_are_searched_by_their_path(example):
    found = defaults(example, TrialConfig())
    assert found["settings.correction"] == 0.03
    config = suggest(optuna.trial.FixedTrial(found | {"settings.correction": 0.2}), example, TrialConfig())
    assert (config.method, config.settings) == (example, {"correction": 0.2})
