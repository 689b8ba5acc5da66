# The door to every habit of the project. `make help` lists what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Workers of the test run; two suit a laptop. Tests of one file stay together, so that what they share is made once.
TEST_WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-stars demo-sed page test check lint docs browser bench clean

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## create .venv with everything

# The stamp is written last: an interrupted installation is done again.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup ## run the main job on embedded defaults; writes demo/report.html
	$(BIN)/python -m experiments demo $(DEMO_ARGS)

demo-stars: setup ## the same for stars, two minutes; writes demo/stars.html
	$(BIN)/python -m experiments demo_stars $(DEMO_ARGS)

demo-sed: setup ## the same for photometry, two minutes; writes demo/sed.html
	$(BIN)/python -m experiments demo_sed $(DEMO_ARGS)

page: setup ## open the demo's bases as a page in a browser
	@ls -d demo/*-base.kb > /dev/null 2>&1 || { echo "no base in demo/: run make demo first"; exit 1; }
	$(BIN)/spectrove serve demo/*-base.kb --open

test: setup ## run the tests
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile -rs $(TEST_ARGS)

check: lint ## lint, types, docs, and the tests that compare code and documentation
	$(BIN)/python -m pytest tests/test_documented.py tests/test_public_names.py tests/test_architecture.py tests/test_imports.py
	$(MAKE) docs

lint: setup ## lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: setup ## build the documentation, notebooks run; build/docs/index.html
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -b html -W --keep-going -q -d build/doctrees docs build/docs

browser: ## install Debian's chromium, in which the tests of the page run
	apt-get update -qq && apt-get install -y -qq chromium

bench: setup ## measure bases of growing size beside other programs, an hour; BENCH_ARGS="--sizes 1e3 1e4"
	$(BIN)/python benchmarks/scale.py --keep $(BENCH_ARGS)

clean: ## remove what can be made again, the environment included
	rm -rf $(VENV) demo out build dist docs/made .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
