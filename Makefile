# Everything a newcomer needs: `make demo`, `make test`, `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export TF_CPP_MIN_LOG_LEVEL ?= 3

# Images: their base, the builder, their name.
BASE ?= python:3.11-slim
DOCKER ?= docker
TAG ?= $(shell sed -nE 's/^IMAGE = "(.*)"/\1/p' components/image.py)

# Locks: where they are written, and whether versions move.
LOCKS ?= .
UPGRADE ?= --upgrade
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-package sluice
IMAGE_LOCK = $(LOCK) $(UPGRADE) --constraint requirements.lock

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets.
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | sort | awk -F ':.*?## ' '{printf "  make %-20s %s\n", $$1, $$2}'

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
	$(BIN)/python manifests/render.py --check

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

.PHONY: benchmark-scale
benchmark-scale: setup ## Seconds and peak memory of each step at 0.78, 1 and 1.5 million rows.
	$(BIN)/python benchmarks/scale.py

.PHONY: benchmark-accuracy
benchmark-accuracy: setup ## Errors on public tables (DATA=folder with ETTh1.csv.gz and the others).
	$(BIN)/python benchmarks/accuracy.py $(DATA)

.PHONY: benchmark-windows
benchmark-windows: setup ## Training as Sluice does against single windows for six times as long.
	$(BIN)/python benchmarks/window_by_window.py

.PHONY: benchmark-plan
benchmark-plan: setup ## What the planner predicts of memory, time and orders against what is measured.
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/duration.py
	$(BIN)/python benchmarks/schedules.py

.PHONY: benchmark-retraining
benchmark-retraining: setup ## Retraining from the champion against training from scratch.
	$(BIN)/python benchmarks/retraining.py

.PHONY: lock
lock: setup ## Resolve the dependencies again into the lock files (UPGRADE= keeps the versions).
	$(LOCK) $(UPGRADE) --group dev --extra all pyproject.toml --output-file $(LOCKS)/requirements.lock
	$(MAKE) --no-print-directory lock-images

.PHONY: lock-images
lock-images: setup ## Resolve the images' packages, in the versions of requirements.lock.
	$(IMAGE_LOCK) --extra excel --extra postgres --no-emit-package tensorflow pyproject.toml \
		--output-file $(LOCKS)/requirements-image.lock
	$(IMAGE_LOCK) --extra excel --extra postgres --extra gpu pyproject.toml --output-file $(LOCKS)/requirements-gpu.lock
	version=$$(sed -nE 's/^tensorflow==([0-9.]+).*/\1/p' requirements.lock) && \
	printf '%s\n' "tensorflow-cpu==$$version ; platform_machine == 'x86_64'" \
		"tensorflow==$$version ; platform_machine != 'x86_64'" | \
		$(IMAGE_LOCK) --no-deps - --output-file $(LOCKS)/requirements-cpu.lock
	printf '%s\n' hatchling setuptools | $(IMAGE_LOCK) - --output-file $(LOCKS)/requirements-build.lock

.PHONY: check-locks
check-locks: setup ## Check that the images' locks follow from pyproject.toml and requirements.lock.
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && cp requirements-*.lock "$$folder" && \
	$(MAKE) --no-print-directory --silent lock-images LOCKS="$$folder" UPGRADE= && \
	for name in image cpu gpu build; do \
		diff -u requirements-$$name.lock "$$folder/requirements-$$name.lock" || \
			{ echo "requirements-$$name.lock is not what pyproject.toml and requirements.lock ask for: make lock-images UPGRADE=" >&2; exit 1; }; \
	done

.PHONY: check-gpu-lock
check-gpu-lock: setup ## Check that what requirements-gpu.lock names can be had, with these hashes.
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	$(BIN)/uv pip install --quiet --dry-run --no-deps --require-hashes \
		--python $(BIN)/python --target "$$folder" --requirement requirements-gpu.lock && \
	echo "requirements-gpu.lock: every package can be had"

.PHONY: image-cpu
image-cpu: ## Build the image for CPUs (BASE=the base image, DOCKER=podman, DOCKER_ARGS=...).
	$(DOCKER) build --build-arg BASE=$(BASE) --build-arg REVISION=$$(git describe --always --dirty --abbrev=40 2>/dev/null) $(DOCKER_ARGS) \
		--target cpu --tag $(TAG) .

.PHONY: image-gpu
image-gpu: ## Build the image for GPUs: CUDA 12, 7 GB.
	$(DOCKER) build --build-arg BASE=$(BASE) --build-arg REVISION=$$(git describe --always --dirty --abbrev=40 2>/dev/null) $(DOCKER_ARGS) \
		--target gpu --tag $(TAG)-gpu .

.PHONY: clean
clean: ## Remove the virtual environment and all runs.
	rm -rf $(VENV) runs
