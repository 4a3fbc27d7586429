"""Pretrained weights in a plan: their shape is read where the plan is made, and what cannot match is refused."""

import dataclasses
import json

import pytest
import torch

from gear.config import EmbeddingConfig, TrialConfig
from gear.errors import InputDataError
from gear.pretrain.recipe import Shape
from gear.pretrain.weights import Weights, new_network, write
from search.cli.run_options import extended, make_parser, new_plan
from search.launch.prepare import prepare_data
from search.plan.campaign_plan import make_plan
from search.plan.plan_file import plan_from_dict, plan_to_dict, plan_to_toml
from search.plan.space import space
from search.runtime.node_check import facts


@pytest.fixture
def file(tmp_path):
    shape = Shape(24, 2, "mean", 1.0)
    write(tmp_path / "w.safetensors", Weights(shape, new_network(shape).state_dict(), {}))
    return tmp_path / "w.safetensors"


def planned(*flags):
    return new_plan(make_parser().parse_args(["--preset", "quick", *flags]), gpu=False)[0]


def test_the_flag_takes_the_shape_of_the_file(file):
    embedding = planned("--pretrained", str(file)).config.embedding
    assert (embedding.width, embedding.depth, embedding.aggregation) == (24, 2, "mean")
    assert (embedding.pretrained, len(embedding.pretrained_hash)) == (str(file), 16)


def test_without_the_flag_and_with_none_nothing_is_pretrained():
    assert planned().config == planned("--pretrained", "none").config == TrialConfig()


def test_descriptors_keep_the_shape_of_the_plan(tmp_path):
    plan = make_plan(["hv_from_ds"], ["random"], ["stl"], config=TrialConfig(embedding=EmbeddingConfig(width=96)))
    (tmp_path / "plan.toml").write_text(plan_to_toml(plan))
    args = make_parser().parse_args(["--plan", str(tmp_path / "plan.toml"), "--pretrained", "descriptors"])
    embedding = new_plan(args, gpu=False)[0].config.embedding
    assert (embedding.width, embedding.pretrained, embedding.pretrained_hash) == (96, "descriptors", "")


def test_a_plan_file_and_python_take_the_shape_of_the_file(file, tmp_path):
    named = TrialConfig(embedding=EmbeddingConfig(pretrained=str(file)))
    assert make_plan(["hv_from_ds"], ["random"], ["stl"], config=named).config.embedding.width == 24
    text = plan_to_toml(dataclasses.replace(planned(), config=named))
    (tmp_path / "plan.toml").write_text(text)
    plan, _ = new_plan(make_parser().parse_args(["--plan", str(tmp_path / "plan.toml")]), gpu=False)
    assert (plan.config.embedding.width, len(plan.config.embedding.pretrained_hash)) == (24, 16)


def test_a_recorded_plan_is_read_without_the_file(file):
    plan = planned("--pretrained", str(file))
    file.unlink()
    assert plan_from_dict(json.loads(json.dumps(plan_to_dict(plan)))) == plan


def test_a_resume_accepts_the_same_weights_and_no_others(file, tmp_path):
    plan = planned("--pretrained", str(file), "--name", "mine")
    parse = make_parser().parse_args
    assert extended(plan, parse(["--resume"])) == plan
    assert extended(plan, parse(["--resume", "--pretrained", str(file)])) == plan
    for other in ("descriptors", "none", str(tmp_path / "missing")):
        with pytest.raises(InputDataError, match=r"^--pretrained cannot change campaign mine"):
            extended(plan, parse(["--resume", "--pretrained", other]))


def test_what_does_not_go_together_is_refused(file, tmp_path):
    with pytest.raises(InputDataError, match="--pretrained is for embedding dmpnn, the plan has text: leave it out"):
        planned("--pretrained", str(file), "--embedding", "text")
    with pytest.raises(InputDataError, match=r"the plan has text\+descriptors: leave it out"):
        planned("--pretrained", str(file), "--embedding", "text+descriptors")
    assert "text+dmpnn" in planned("--pretrained", str(file), "--embedding", "text+dmpnn").embedding_kinds
    with pytest.raises(InputDataError, match=r"cannot read pretrained weights .*missing: No such file"):
        planned("--pretrained", str(tmp_path / "missing"))
    wide = TrialConfig(embedding=EmbeddingConfig(width=96, pretrained=str(file)))
    with pytest.raises(InputDataError, match=r"embedding\.width is 96, but the pretrained weights have 24"):
        make_plan(["hv_from_ds"], ["random"], ["stl"], config=wide)


def test_a_source_or_a_varied_embedding_may_be_the_dmpnn(file):
    planned("--pretrained", str(file), "--embedding", "text", "--source-embedding", "dmpnn", "--methods", "gear")
    planned("--pretrained", str(file), "--embedding", "text", "--vary", "embedding.kind")


def test_what_the_weights_fix_cannot_be_varied(file, monkeypatch):
    varied = dataclasses.replace(planned().search)
    object.__setattr__(varied, "vary", ("embedding.aggregation",))  # whether or not a method can vary it
    with pytest.raises(InputDataError, match=r"--vary embedding\.aggregation does not go with --pretrained"):
        dataclasses.replace(planned("--pretrained", str(file)), search=varied)


def test_nodes_are_asked_for_the_file(file):
    plan = planned("--pretrained", str(file))
    assert plan.files == [str(file)]
    here = facts(plan.files)[str(file)]
    assert here != "missing"
    file.write_bytes(b"other")
    assert facts(plan.files)[str(file)] != here
    file.unlink()
    assert facts(plan.files)[str(file)] == "missing"


def test_weights_are_settled_before_any_data(file):
    plan = planned("--pretrained", str(file))
    torch.manual_seed(1)
    write(file, Weights(Shape(24, 2, "mean", 1.0), new_network(Shape(24, 2, "mean", 1.0)).state_dict(), {}))
    told = []
    with pytest.raises(InputDataError, match="have changed since the plan was made"):
        prepare_data(plan, told.append)
    assert told == []


def test_the_search_leaves_the_shape_alone(file):
    plan = planned("--pretrained", str(file))
    paths = {dimension.path for dimension in space("gear", plan.search.vary, plan.config)}
    assert "embedding.dropout" in paths
    assert not paths & {"embedding.width", "embedding.depth", "embedding.aggregation"}
