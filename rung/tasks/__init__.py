"""Tasks: the bounded job, its contract, its examples and splits, and how answers are scored.

Import from the modules: records from `task`, folders from `folder`, labelled files from `importer`,
scores from `scorers`. `holdout` is for `rung.gate` alone. Nothing is imported here, so that the
records cost nothing to load.
"""
