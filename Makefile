# The same commands serve people and CI. `make demo`, `make test` and `make check` set
# everything up by themselves.
PYTHON ?= python3.11
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed

# tested: those of constraints.txt; lowest: those that pyproject.toml allows at least; newest.
VERSIONS ?= tested

.PHONY: demo validate test coverage fuzz faults check docs dist format bench container-test clean

$(STAMP): pyproject.toml setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python tests/packaging/versions.py $(VERSIONS) > $(VENV)/versions.txt
	$(BIN)/python -m pip install --quiet -c $(VENV)/versions.txt -e ".[dev]"
	touch $@

demo: $(STAMP)  ## segment one real and one synthetic scan with the embedded models
	$(BIN)/spineps-wf-demo demo

validate: demo  ## the demo's results in both layouts, by the official BIDS validator
	$(BIN)/bids-validator-deno demo/out
	$(BIN)/spineps-wf demo/bids demo/out-bids participant -w demo/work --output-layout bids
	$(BIN)/spineps-wf demo/bids demo/out-bids group
	$(BIN)/bids-validator-deno demo/out-bids

test: $(STAMP)  ## all tests
	$(BIN)/python -m pytest -n $(or $(TEST_JOBS),2)

coverage: $(STAMP)  ## all tests, then the share of lines that they run, by layer, against its floor
	$(BIN)/python -m pytest -n $(or $(TEST_JOBS),2) --cov --cov-report= --cov-report=json:build/coverage.json
	$(BIN)/python tests/coverage_floor.py build/coverage.json

fuzz: $(STAMP)  ## new odd files for every reader; a nightly job
	FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),2000) $(BIN)/python -m pytest -n $(or $(TEST_JOBS),2) tests/fuzz

faults: $(STAMP)  ## each write, rename, sync, lock and start of a process fails once; a nightly job
	SPINEPS_FAULTS=$(or $(SPINEPS_FAULTS),all) $(BIN)/python -m pytest -n $(or $(TEST_JOBS),2) --dist loadfile -rP tests/faults

check: $(STAMP)  ## lint, format, types, import rule
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layers.py

dist: $(STAMP)  ## wheel and source distribution, in dist/; a complaint is an error
	$(BIN)/python -m pip install --quiet -c $(VENV)/versions.txt build
	rm -rf build dist
	$(BIN)/python -m build . > $(VENV)/build.log
	! grep -E "Warning|would be ignored|no files found" $(VENV)/build.log

docs: $(STAMP)  ## the documentation site, in docs/_build/html; a warning is an error
	$(BIN)/python -m pip install --quiet -c $(VENV)/versions.txt -e ".[docs]"
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## small benchmarks with their ratios: minutes, no network
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/n4_speed.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/many_scans.py build/many-scans

container-test:  ## build the container without a registry, run the demo in it
	.ci/container test

clean:
	rm -rf docs/_build docs/_generated demo build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
