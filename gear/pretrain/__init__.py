"""Pretraining of D-MPNNs on what follows from the molecules themselves, and the weights that trainings begin with."""
