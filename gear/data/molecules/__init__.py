"""Molecules in the forms that models read: identities, packed graphs, fingerprints."""
