.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install:  ## install for development, with the commit hook
	pip install -e '.[local,test]'
	ln -sf ../../.ci/pre-commit .git/hooks/pre-commit

format:  ## format and sort imports
	ruff format .
	ruff check --fix .

check:  ## format, lint, types and the fast tests, on every core
	ruff format --check .
	ruff check .
	mypy
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
	  pytest -q -n auto --dist worksteal -m "not slow and not model and not server"

test:  ## every test; those with a model skip when it is not pulled
	pytest -q

tiny:  ## the end-to-end test of the commit hook: under two seconds
	pytest -q tests/test_tiny.py

bench:  ## the form against the blank page and the JSON mode, on the real model
	python bench/forms.py

.PHONY: help install format check test tiny bench
