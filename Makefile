# `make` lists what there is. `make demo` and `make test` install what they need.
SHELL := /bin/bash
PYTHON ?= python3
export PYTHON
export PIP_DISABLE_PIP_VERSION_CHECK := 1
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
ROUNDS ?= 1
MINUTES ?= 30
RUNS ?= 3
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-flink bench bench-check test unit e2e faults mutants soak recovery fuzz interop latency lint types layers format
.PHONY: lock clean flink flink-test flink-crash flink-idle growth programs programs-test programs-flink

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: programs .venv/installed ## show two sources, two pumps and two consumers at work on this machine
	@$(BIN)/winnowry demo

demo-flink: programs .venv/installed build/flink/assembled ## the same on Flink; with STANDALONE=1 on a cluster of three processes
	@$(BIN)/winnowry demo --flink build/flink/lib $(if $(STANDALONE),--standalone)

test: programs-test .venv/installed .venv-sr3/installed build/flink/assembled lint types layers ## run every check, and every test but the long ones, in WORKERS=2 processes
	$(PYTEST) -m "not bench and not long" --numprocesses=$(WORKERS) --dist=loadfile

setup: programs .venv/installed ## install what running Winnowry and its demonstration needs

unit: .venv/installed ## run the tests that need no server
	$(PYTEST) -m "not e2e and not interop and not bench and not long"

e2e: programs-test .venv/installed build/flink/assembled ## run the tests against a real broker and real file servers
	$(PYTEST) -m "e2e and not bench and not long"

faults: programs-test .venv/installed ## run the fault suite, ROUNDS=10 times in a row; an interrupted run goes on
	@for _ in $$(seq $(ROUNDS)); do $(PYTEST) tests/faults --rounds=$(ROUNDS) --at-a-time=1 --evidence=docs/evidence/faults.json; \
	code=$$?; [ $$code -eq 75 ] || exit $$code; done

soak: programs-test .venv/installed ## kill pumps and broker for MINUTES=30 while files flow, and count what was lost (EVIDENCE=docs/evidence/soak.json)
	PYTHONPATH=tests/support $(BIN)/python tests/soak/soak.py --minutes=$(MINUTES) $(if $(SEED),--seed=$(SEED)) $(if $(EVIDENCE),--evidence=$(EVIDENCE))

fuzz: .venv/installed ## look for what breaks a codec, a step or the model, for much longer than `make test` does
	$(PYTEST) tests/*/test_fuzz_*.py tests/runners/direct/test_model.py -m "not e2e" --hypothesis-profile=fuzz --timeout=0

mutants: programs-test .venv/installed ## remove each safeguard in turn, and see its tests fail; an interrupted run goes on
	$(BIN)/python tests/support/mutants.py

bench: programs-test .venv/installed .venv-sr3/installed build/flink/assembled build/bench/bare_relay ## measure all side by side with sr3 and others, RUNS=3 times; an interrupted run goes on
	PYTHONPATH=tests/support $(BIN)/python tests/bench/bench.py --runs=$(RUNS) --evidence=docs/benchmarks.json $(if $(PARTS),--parts $(PARTS))

build/bench/bare_relay: tests/bench/bare_relay.c
	@mkdir -p $(@D)
	@cc -O2 -o $@ $< -lrabbitmq 2>/dev/null || echo "No bare loop in C beside the others: a C compiler or librabbitmq-dev is missing."

recovery: programs-test .venv/installed ## measure how soon a pump is back at its rate after the broker or itself was killed
	RECOVERY_EVIDENCE=docs/evidence/recovery.json $(PYTEST) -s tests/bench/test_recovery.py

flink: build/flink/assembled ## assemble Flink's jars, and those of Beam's job server, in build/flink/lib

flink-test: programs-test .venv/installed build/flink/assembled ## run the pumps on a Flink cluster of two TaskManagers, also what takes long
	$(PYTEST) -m "flink and not bench" -k "not hundred_thousand"

flink-crash: programs-test .venv/installed build/flink/assembled ## kill parts of a Flink cluster, ROUNDS=10 times each, amid 100,000 announcements; an interrupted run goes on
	$(PYTEST) tests/flink/test_crash.py --rounds=$(ROUNDS) --evidence=docs/evidence/flink-crash.json \
	--title="Parts of a Flink cluster are killed amid announcements" -k hundred_thousand

flink-idle: programs-test .venv/installed build/flink/assembled ## measure what a pump on Flink uses that has nothing to do for five minutes
	$(PYTEST) tests/flink/test_operation.py --rounds=1 --evidence=docs/evidence/flink-idle.json \
	--title="A pump on Flink has nothing to do for five minutes" -k without_work

growth: programs-test .venv/installed build/flink/assembled ## watch what a winnow uses for MINUTES=30 at 500 announcements a second, on ENGINES="direct flink"
	PYTHONPATH=tests/support $(BIN)/python tests/bench/growth.py --minutes=$(MINUTES) --evidence=docs/evidence/growth.json $(if $(ENGINES),--engines $(ENGINES))

interop: programs-test .venv/installed .venv-sr3/installed ## exchange files with the real metpx-sr3
	$(PYTEST) -m interop

bench-check: programs-test .venv/installed ## compare a relay's and a winnow's speed, as ratios, with what is recorded; RECORD=1 renews that
	PYTHONPATH=tests/support $(BIN)/python tests/bench/check.py $(if $(RECORD),--record)

latency: programs-test .venv/installed .venv-sr3/installed ## measure how soon a pump is up, what it costs when idle, and how soon a file is there
	PYTHONPATH=tests/support $(BIN)/python tests/bench/starting.py --runs=$(RUNS) --contenders winnowry "sr3 as shipped" "sr3 tuned"
	PYTHONPATH=tests/support $(BIN)/python tests/bench/latency.py --runs=$(RUNS)

lint: .venv/installed ## check style and formatting
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .

types: .venv/installed ## check types
	cd .typing && ../$(BIN)/mypy --config-file ../pyproject.toml -p winnowry

layers: .venv/installed ## check which room may import which
	$(BIN)/lint-imports --no-logo

format: .venv/installed ## format the code
	$(BIN)/ruff check --quiet --fix .
	$(BIN)/ruff format .

lock: programs ## renew the pinned versions in requirements.lock
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet --upgrade setuptools && build/lock/bin/pip install --quiet '.[test]'
	build/lock/bin/pip freeze --all --exclude pip --exclude winnowry >requirements.lock

clean: ## remove everything that was installed or built here
	rm -rf .venv .venv-sr3 build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

programs:
	@scripts/programs.sh

programs-test:
	@scripts/programs.sh test

programs-flink:
	@scripts/programs.sh flink

.venv/installed: requirements.lock pyproject.toml setup.py | programs
	@scripts/environment.sh .venv requirements.lock
	@$(BIN)/pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

.venv-sr3/installed: tests/interop/requirements.lock | programs
	@scripts/environment.sh .venv-sr3 tests/interop/requirements.lock
	@touch $@

build/flink/assembled: runners/flink/pom.xml scripts/flink.sh | programs-flink
	@scripts/flink.sh runners/flink/pom.xml build/flink/lib
	@touch $@
