"""Train what is left: a small model's adapters, their export, whether they serve as trained."""
