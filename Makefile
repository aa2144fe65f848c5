# Two commands on a fresh machine with git, make and python3 >= 3.11 (with venv):
#   make run     set up what the engine needs and build the warehouse on the embedded target
#   make test    set up everything and run the tests
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
export GX_ANALYTICS_ENABLED := false

.PHONY: help run setup test lint mutants bench golden schema airflow clean

help:
	@sed -n 's/^#   //p; s/^## //p' Makefile

## make setup   the full development set, Airflow included, into .venv
setup: .venv/dev.stamp

run: .venv/run.stamp
	@if [ -z "$$DATA_DIR" ] && [ ! -e data/raw/users.csv ]; then $(BIN)/medallion sample; fi
	$(BIN)/medallion run
	$(BIN)/medallion docs build

test: .venv/dev.stamp
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

## make airflow a local Airflow on this project, until Ctrl-C (AIRFLOW_PORT=8080)
airflow: .venv/dev.stamp
	@if [ -z "$$DATA_DIR" ] && [ ! -e data/raw/users.csv ]; then $(BIN)/medallion sample; fi
	@exec $(BIN)/python -m engine.airflow.local

## make lint    ruff, mypy and the import contract
lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

## make bench   what it costs, side by side (ROWS=10000000 for the largest load)
bench: .venv/dev.stamp
	$(BIN)/python -m tests.bench $(ARGS)

## make mutants change lines of the engine, one at a time, and see whether a test notices
mutants: .venv/dev.stamp
	$(BIN)/python -m tests.mutants $(ARGS)

## make golden  write the golden files anew, after a change of rendered SQL that is meant
golden: .venv/dev.stamp
	$(BIN)/python -m pytest -q --update-golden tests/golden tests/microsoft

## make schema  write engine/pipelines.schema.json anew
schema: .venv/run.stamp
	$(BIN)/python -m engine.config.project > engine/pipelines.schema.json

## make clean   remove .venv and everything built (data/raw stays)
clean:
	rm -rf .venv build dist *.egg-info data/warehouse.duckdb* data/docs data/airflow data/outline.json

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("python3 >= 3.11 is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

.venv/run.stamp: requirements/run.txt pyproject.toml | .venv/bin/python
	@if [ ! -e .venv/dev.stamp ]; then echo "installing what the engine needs into .venv (about half a minute)"; $(PIP) install --require-hashes -r requirements/run.txt; fi
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q engine
	@touch $@

.venv/dev.stamp: requirements/dev.txt .venv/run.stamp
	@echo "installing the development set, Airflow included, into .venv (about two minutes)"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@
