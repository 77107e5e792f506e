# Two commands matter: `make demo` (the whole pipeline on a generated world) and `make test`.
# Both set up what they need; a second run reuses it. `make help` lists the rest.

VENV ?= .venv
CONSTRAINTS ?= constraints.txt
WORK ?= demo-run
STUDY ?= study-run
BIN := $(abspath $(VENV))/bin
export PATH := $(BIN):$(PATH)
# Spark's workers must run this interpreter; nothing may ask a hub, an update server or a tracker.
export PYSPARK_PYTHON := $(BIN)/python
export PYSPARK_DRIVER_PYTHON := $(BIN)/python
export SPARK_LOCAL_IP := 127.0.0.1
# Short jobs on one machine: the JVM hands out tasks to Python, and its second compiler and parallel collector cost more
# CPU than they save (a job of 6,000 rows, one run each on a busy machine: 26 CPU seconds, so 14). The archive, which
# set-up makes, holds Spark's classes ready to be mapped (a small job with SQL: 13.1 CPU seconds, so 9.2).
export SPARK_SUBMIT_OPTS := -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:SharedArchiveFile=$(abspath $(VENV))/spark.jsa \
  -Xlog:disable -Xlog:all=error:stderr
export HF_HUB_OFFLINE := 1
export NO_ALBUMENTATIONS_UPDATE := 1
export WANDB_MODE := offline
export TOKENIZERS_PARALLELISM := false

# HDFS servers for the soak tests, where `make hadoop` has fetched them; those tests skip themselves without.
export SWITCHPOINT_HADOOP ?= $(if $(wildcard $(VENV)/hadoop/.ready),$(abspath $(VENV))/hadoop)

.PHONY: help setup hadoop demo study test quick gpu soak newer-torch lint docs format clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup:  ## virtual environment, pinned packages, Java 17
	@bash scripts/setup.sh $(VENV) $(CONSTRAINTS)

demo: setup  ## raw data -> shards -> schedule -> trained model -> report, in WORK=demo-run; go on after an interruption
	@python -m demo $(WORK) $(DEMO_ARGS)

study: setup  ## the paper's sweep in miniature; STUDY=study-run; STUDY_ARGS="--sweep recipes/study/sweeps/reduced.yaml" is smaller
	@python -m demo.study $(STUDY) $(STUDY_ARGS)

test: setup  ## the tests, on two workers; PKG=curriculum takes one package's, ARGS="-k name" narrows
	@python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "not soak" $(if $(PKG),tests/$(PKG)) $(ARGS)

QUICK := $(addprefix tests/,common schemas curriculum recipes switchpoint system/test_recipes.py system/test_golden_schedules.py test_architecture.py test_prose.py)
quick: setup  ## in a minute: what needs neither Spark nor torch
	@python -m pytest --numprocesses 2 --dist loadfile -m "not soak and not slow" $(QUICK) $(ARGS)

gpu: setup  ## tests of what only a GPU shows, where there is one
	@python -m pytest -m gpu tests/system tests/train $(ARGS)

soak: setup  ## the longest tests: jobs and pipelines killed at random moments; many minutes
	@python -m pytest -m soak $(if $(PKG),tests/$(PKG)) $(ARGS)

newer-torch:  ## the trainer's tests, the longest too, on torch 2.11 in .venv-torch211 (4 GB fetched)
	@$(MAKE) --no-print-directory test soak PKG=train VENV=.venv-torch211 CONSTRAINTS=constraints-torch211.txt

lint: setup  ## ruff, mypy, import-linter, hadolint, and the documentation site
	ruff check .
	ruff format --check .
	mypy
	lint-imports --no-cache
	hadolint Dockerfile
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

docs: setup  ## the documentation site, in build/site; nothing is fetched by whoever reads it
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

hadoop: setup  ## jars of an HDFS server (220 MB fetched, 27 MB kept): `make soak` then runs jobs on HDFS too
	@PYTHON=$(BIN)/python bash scripts/hadoop.sh $(VENV)/hadoop

format: setup  ## let ruff format and fix
	ruff format .
	ruff check --fix .

clean:  ## remove the demo's output and caches, keep the environment
	rm -rf $(WORK) $(STUDY) .pytest_cache .mypy_cache .ruff_cache .hypothesis
