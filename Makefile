# The same commands serve people and CI. `make demo`, `make test` and `make check` set
# everything up by themselves.
PYTHON ?= python3.11
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed

.PHONY: demo validate test check docs format container-test clean

$(STAMP): pyproject.toml setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
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

check: $(STAMP)  ## lint, format, types, import rule
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layers.py

docs: $(STAMP)  ## the documentation site, in docs/_build/html; a warning is an error
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[docs]"
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

container-test:  ## build the container without a registry, run the demo in it
	.ci/container test

clean:
	rm -rf docs/_build docs/_generated demo build *.egg-info .mypy_cache .ruff_cache .pytest_cache
