"""Embeddings joined by `+`: what their network is made of, and what it begins with."""

import pytest
import torch

from gear.config import EmbeddingConfig
from gear.embeddings import check_embedding_name, get_embedding
from gear.errors import InputDataError, UnknownNameError
from gear.model import EmbeddingNetwork, MoleculeStore

SMILES = ["CCO", "c1ccccc1CCN", "CC(C)C(=O)OCC1CCCCC1", "C", "CCCCCCCCCCCCCCCC"]
KIND = "dmpnn+descriptors"


@pytest.fixture
def batch():
    kinds = (KIND, "dmpnn", "descriptors")
    return MoleculeStore({kind: get_embedding(kind).features(SMILES) for kind in kinds}, torch.device("cpu")).batch(
        torch.arange(5)
    )


def test_what_scales_its_inputs_sees_those_of_the_training_molecules(batch):
    joined, single = EmbeddingNetwork(EmbeddingConfig(KIND)), EmbeddingNetwork(EmbeddingConfig("descriptors"))
    for network in (joined, single):
        network.fit_inputs(batch)
    scaler = joined.network.networks[1].scaler
    assert scaler.varying.any()
    torch.testing.assert_close(scaler.centre, single.network.scaler.centre, rtol=0, atol=0)


def test_every_part_counts_once_it_is_trained(batch):
    network = EmbeddingNetwork(EmbeddingConfig(KIND, width=16))
    network.fit_inputs(batch)
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    for _ in range(2):  # the second part has no gradient at first, if its share begins at zero
        optimizer.zero_grad()
        (network(batch) * torch.randn(5, 16)).sum().backward()
        optimizer.step()
    assert all(weight.grad.abs().sum() > 0 for part in network.network.networks for weight in part.parameters())


def test_names_of_all_parts_are_checked():
    check_embedding_name("text+my_module:Mine+dmpnn")
    with pytest.raises(UnknownNameError, match="unknown embedding 'graph'"):
        check_embedding_name("dmpnn+graph")
    with pytest.raises(UnknownNameError, match="unknown embedding ''"):
        check_embedding_name("dmpnn+")
    with pytest.raises(InputDataError, match=r"'text\+text' names a part twice"):
        get_embedding("text+text")


def test_target_and_source_may_be_joined_alike_or_not():
    assert EmbeddingConfig(KIND).of_source.kind == KIND
    assert EmbeddingConfig(KIND, source_kind="dmpnn").of_source.kind == "dmpnn"
