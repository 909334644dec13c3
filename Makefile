# make demo · make test · make repro · make ui · make bench · make lint · make docs; `make help` says more.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
# DVC runs the stages' `python`, which has to be this one
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export PYTHONUTF8 := 1

# What TensorFlow 2.21 has wheels for. Another interpreter: make demo PYTHON=/path/to/python3.12
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& command -v $$p && break; done)

READY := $(VENV)/.ready
DEMO := -S download.source=synthetic -S download.synthetic.train=3000 -S download.synthetic.test=500 \
	-S train.epochs=10 -S evaluate.noise_level_pictures=300 -S evaluate.baseline_pictures=200

.PHONY: help setup gpu s3 team-server export demo shipped-model test repro retrain ui bench bench-runtimes bench-shipped faults mutants lint docs

help:  ## list the targets
	@awk -F ':.*##' '/^[a-z-]+:.*##/ { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## make the virtual environment with the locked dependencies (all targets call it)

$(READY): requirements/lock.txt pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "error: no Python 3.11, 3.12 or 3.13 with venv was found. Install one (Debian and Ubuntu: python3-venv)," >&2; \
		echo "or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; fi
	@echo "Setting up $(VENV) with $(PYTHON): about 200 locked packages, 2 GB, a few minutes the first time"
	@$(PYTHON) -m venv $(VENV)
	@# a lock names all there is. Without --no-deps, pip before 23.3 takes the newest of what is asked for with an extra
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/lock.txt
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

gpu: $(READY)  ## install TensorFlow's CUDA libraries (Linux, NVIDIA)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/gpu.txt
	@$(VENV)/bin/python -c 'from svhn_denoiser.networks.backend import keras; import tensorflow as tf; \
		print("TensorFlow sees", len(tf.config.list_physical_devices("GPU")), "GPU(s)")'

s3: $(READY)  ## install what S3 needs: DVC's plug-in for remotes, and MLflow's for artifacts
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/s3.txt

SERVER_READY := $(VENV)/.server
team-server: $(SERVER_READY)  ## install what a team's MLflow server needs: PostgreSQL's client, S3's, accounts

$(SERVER_READY): $(READY) requirements/server.txt
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/server.txt
	@touch $@

EXPORT_READY := $(VENV)/.export
export: $(EXPORT_READY)  ## install what `svhn-denoiser export` needs for ONNX and LiteRT

$(EXPORT_READY): $(READY) requirements/export.txt
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/export.txt
	@touch $@

demo: $(READY)  ## run all five stages on drawn house numbers, offline, in minutes; reports go to demo/
	@# not --force, which would run every stage again: what was trained before comes from DVC's run cache
	@dvc exp remove --quiet drawn-demo >/dev/null 2>&1 || true
	@# DVC warns of every output that a first run is yet to make
	@dvc exp run --temp --name drawn-demo $(DEMO) 2> >(grep -v 'No file hash info found' >&2)
	@rm -rf demo && mkdir demo && dvc get --quiet . reports --rev drawn-demo --out demo/reports
	@svhn-denoiser scores demo/reports

SHIPPED := svhn_denoiser/denoising/shipped
shipped-model: $(READY)  ## the model that comes with the package, and its card, from the recipe `shipped`: 40 minutes
	@# trained only, in a copy: no version is registered, and params.yaml stays as it is
	@dvc exp remove --quiet shipped-model >/dev/null 2>&1 || true
	@dvc exp run --temp --name shipped-model $$(svhn-denoiser params recipe shipped) train \
		2> >(grep -v 'No file hash info found' >&2)
	@mkdir -p $(SHIPPED)
	@dvc get --quiet --force . models/denoiser.keras --rev shipped-model --out $(SHIPPED)/denoiser.keras
	@python -m benchmarks.shipped.packing $(SHIPPED)/denoiser.keras
	@svhn-denoiser export --model shipped --format openvino --output $(SHIPPED)/denoiser.xml
	@python -m benchmarks.shipped.card

repro: $(READY)  ## run the pipeline with params.yaml: by default on the official SVHN
	@# a disk that was full leaves an empty dvc.lock, which DVC refuses; its run cache has all that was recorded there
	@[ ! -e dvc.lock ] || [ -s dvc.lock ] || git checkout --quiet HEAD -- dvc.lock 2>/dev/null || rm dvc.lock
	@dvc repro

retrain: $(READY)  ## train what changed, compare, promote what is better (options: RETRAIN="--set train.epochs=60")
	@# for make, "not better" (3) and "nothing to do" (4) are no errors; reports/retraining.json says which it was
	@svhn-denoiser retrain $(RETRAIN) || { code=$$?; [[ $$code == 3 || $$code == 4 ]] || exit $$code; }

test: $(READY)  ## run every test, and measure coverage (options: TEST='-m "not slow"')
	@# a worker a core; each file by one worker and in its order, as its tests share what is slow to make
	@python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder \
		--cov --cov-report=term:skip-covered $(TEST)

FAULTS := build/faults
faults: $(READY)  ## break things on purpose, all of tests/faults; the table goes to docs/reliability.md
	@rm -rf $(FAULTS) && mkdir -p $(FAULTS)
	@# the table is written even where something was lost: it says so
	@code=0; SVHN_DENOISER_FAULTS=$(CURDIR)/$(FAULTS) python -m pytest -n logical --maxprocesses 4 --dist load \
		tests/faults $(TEST) || code=$$?; python -m tests.faults.table $(FAULTS); exit $$code

MUTANTS_READY := $(VENV)/.mutants
mutants: $(MUTANTS_READY)  ## do the tests notice a changed operator? The table goes to docs/reliability.md
	@mutmut run $(MUTANTS) && mkdir -p build/mutants && python -m tests.faults.mutants build/mutants \
		&& python -m tests.faults.table build/mutants

$(MUTANTS_READY): $(READY) requirements/mutants.txt
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/mutants.txt
	@touch $@

lint: $(READY)  ## run ruff, mypy and the checks of the workflows
	@ruff check . && ruff format --check . && mypy
	@zizmor --quiet --offline --persona auditor .github
	@check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@check-jsonschema --quiet --builtin-schema vendor.github-actions .github/actions/*/action.yml
	@check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature.yml
	@check-jsonschema --quiet --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	@check-jsonschema --quiet --builtin-schema vendor.citation-file-format CITATION.cff
	@check-jsonschema --quiet --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci .gitlab-ci.yml

PORT ?= 5000
ui: $(READY)  ## compare the runs at http://127.0.0.1:5000 (another port: PORT=5001; options: UI="--no-browser")
	@svhn-denoiser ui --port $(PORT) $(UI)

BENCH_READY := $(VENV)/.bench
bench: $(BENCH_READY)  ## compare denoisers, into benchmarks/side_by_side (options: BENCH="--pictures 200")
	@python -m benchmarks.side_by_side $(BENCH)

bench-runtimes: $(EXPORT_READY)  ## time runtimes, into benchmarks/runtimes/RESULTS.md (options: BENCH="--model FILE")
	@python -m benchmarks.runtimes $(BENCH)

bench-shipped: $(BENCH_READY)  ## the shipped model beside BM3D and others (options: BENCH="--data FOLDER --bm3d-whole")
	@python -m benchmarks.shipped $(BENCH)

$(BENCH_READY): $(READY) requirements/bench.txt
	@echo "Setting up the packages to compare with; one of them, bm3d, is for non-commercial use only"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/bench.txt
	@touch $@

DOCS_READY := $(VENV)/.docs
docs: $(DOCS_READY)  ## build the docs site, into build/docs/site/index.html
	@python docs/site.py

$(DOCS_READY): $(READY) requirements/docs.txt
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/docs.txt
	@touch $@
