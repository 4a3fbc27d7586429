"""Predict with the model in this folder. Needs only the core install of gear-search."""

from pathlib import Path

from gear.predict import load_predictor

model = load_predictor(Path(__file__).parent)
smiles = ["CCO", "c1ccccc1"]
found = model.assess(smiles)  # model.predict(smiles) gives only the values
for row in zip(smiles, found.value, found.spread, found.similarity):
    print(model.property, model.unit, *row)
