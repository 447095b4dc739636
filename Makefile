# `make` lists what there is.
PYTHON ?= python3
VENV := .venv

.PHONY: help install check format test conformance slow bless build

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/bin/specc: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -q -c constraints.txt -e '.[dev]'
	@touch $@

install: $(VENV)/bin/specc  ## make .venv and install into it

check: install  ## format check, lint, types
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

format: install  ## format the sources
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

test: install  ## the default tests
	$(VENV)/bin/pytest -n auto

conformance: install  ## the tests that kill, restart and compare
	$(VENV)/bin/pytest -n auto -m conformance

slow: install  ## the tests that take minutes
	$(VENV)/bin/pytest -m slow

bless: install  ## accept changed messages and plans as expected; review the diff
	$(VENV)/bin/pytest tests/ui tests/golden --bless

build: install  ## sdist and wheel in dist/
	$(VENV)/bin/python -m build
