# Everything a newcomer needs: `make demo`, `make test`, `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export TF_CPP_MIN_LOG_LEVEL ?= 3

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets.
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | sort | awk -F ':.*?## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(STAMP): requirements.lock pyproject.toml setup-venv
	@PYTHON=$(PYTHON) ./setup-venv $(VENV)
	@touch $@

.PHONY: setup
setup: $(STAMP) ## Make the virtual environment from the lock file.

.PHONY: demo
demo: ## Set up, simulate a reservoir, train, serve and ask: the main job.
	@start=$$(date +%s); $(MAKE) --no-print-directory setup && \
	echo "set-up: $$(( $$(date +%s) - start )) s" && \
	$(BIN)/sluice demo

.PHONY: test
test: setup ## Run the tests, two at a time.
	$(BIN)/python -m pytest -m "not slow and not cluster" -n 2 --dist loadfile

.PHONY: test-slow
test-slow: setup ## Run the tests that take longer than 20 seconds each.
	$(BIN)/python -m pytest -m "slow and not cluster"

.PHONY: test-cluster
test-cluster: setup ## Run the tests that start a Kubernetes (they skip where its tool is missing).
	$(BIN)/python -m pytest -m cluster

.PHONY: lint
lint: setup ## Check format, style, types and the one-way imports.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python helm/readme.py --check

.PHONY: format
format: setup ## Format the code.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: benchmark
benchmark: setup ## Training targets per second; of the demo (run it first) latency, load, batches.
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/serving_latency.py runs/demo/store
	$(BIN)/python benchmarks/serving_load.py runs/demo/store
	$(BIN)/python benchmarks/batching_sweep.py runs/demo/store
	$(BIN)/python benchmarks/batch_prediction.py runs/demo

.PHONY: lock
lock: setup ## Resolve the dependencies again into requirements.lock.
	$(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --no-header --group dev --extra all \
		--no-emit-package sluice pyproject.toml --output-file requirements.lock

.PHONY: clean
clean: ## Remove the virtual environment and all runs.
	rm -rf $(VENV) runs
