# Each target sets up what it needs in .venv, from nothing. PYTHON chooses the interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL := $(PIP) install --no-compile -c constraints.txt
SETUP := pyproject.toml constraints.txt $(wildcard setup.py)
# What pip does with one processor, and not for src: where PYTHONDONTWRITEBYTECODE is set each start
# would compile all that it imports.
COMPILE = @$(BIN)/python -m compileall -qq -j 0 src $(VENV)/lib || true

FUZZ_SEED ?= 1

MODEL_MINUTES ?= 180

.PHONY: models help demo studio test test-minimum fuzz check imports bench format docs plugins wheel clean

help:  ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.core  ## match a clean slide guitar to a metal one, both shipped here; writes demo-out/
	$(BIN)/dialin demo -o demo-out --overwrite

studio: $(VENV)/.studio  ## open the studio in a browser: match, hear, turn, explore
	$(BIN)/dialin studio

test: $(VENV)/.dev plugins  ## run all tests (installs the plugins they use, where apt can)
	@# Threads that wait for each other take a tenth of the time of tests side by side.
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
		$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

fuzz: $(VENV)/.dev  ## damaged files, documents and killed processes, for an hour or so
	$(BIN)/python -m tests.fuzz audio --count 10000 --seed $(FUZZ_SEED) --no-ffmpeg
	$(BIN)/python -m tests.fuzz audio --count 500 --seed $(FUZZ_SEED)
	$(BIN)/python -m tests.fuzz documents --count 2000 --seed $(FUZZ_SEED)
	$(BIN)/python -m tests.fuzz kills --count 20 --seed $(FUZZ_SEED)

check: $(VENV)/.dev  ## lint, types, import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	@$(MAKE) --no-print-directory -j2 types-linux types-win32 types-darwin imports

imports: $(VENV)/.dev
	$(BIN)/lint-imports

types-%: $(VENV)/.dev
	$(BIN)/mypy --platform $* --cache-dir $(or $(MYPY_CACHE),.mypy_cache/$*)

bench: $(VENV)/.dev plugins  ## the pool, and matching on songs of yours: make bench SONGS=folder
	$(BIN)/python benchmarks/pool.py
	$(BIN)/python benchmarks/match_effects.py $(SONGS)

models: $(VENV)/.dev plugins  ## train the networks in the package again, 3 h on two cores: make models SONGS=folder
	$(BIN)/python -m dialin.training.guess_make $(SONGS) -o models-out --minutes $(MODEL_MINUTES)

format: $(VENV)/.dev  ## format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/.docs  ## build the documentation into site/
	$(BIN)/mkdocs build --strict

plugins:  ## install the plugins that the tests use
	@sh scripts/install-test-plugins.sh

wheel: $(BIN)/python  ## build wheel and source archive into dist/, and try both outside of this tree
	PYTHON=$(BIN)/python sh scripts/check-wheel.sh

test-minimum: $(BIN)/python  ## try dialin with the oldest versions of all that it declares
	PYTHON=$(BIN)/python sh scripts/test-minimum.sh

clean:  ## remove the virtual environment and what was built
	rm -rf $(VENV) build dist site demo-out src/*.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "dialin needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "no venv module here; on Debian: apt install python3-venv"; exit 1; }
	@# Of 2023 and older it takes half a minute more to choose among versions.
	-$(PIP) install --upgrade pip

$(VENV)/.core: $(SETUP) | $(BIN)/python
	$(INSTALL) -e .
	$(COMPILE)
	@touch $@

$(VENV)/.dev: $(SETUP) | $(BIN)/python
	@$(INSTALL) -e '.[dev,data,ray,training,speech]' || { \
		echo "pesq could not be built (no C compiler?): its test will be skipped"; \
		$(INSTALL) -e '.[dev,data,ray,training]'; }
	$(COMPILE)
	@touch $@ $(VENV)/.core

$(VENV)/.studio: $(SETUP) | $(BIN)/python
	$(INSTALL) -e '.[studio]'
	$(COMPILE)
	@touch $@ $(VENV)/.core

$(VENV)/.docs: $(SETUP) | $(BIN)/python
	$(INSTALL) -e '.[docs]'
	$(COMPILE)
	@touch $@
