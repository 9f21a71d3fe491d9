# The interface for people and for CI.  Everything happens in .venv; nothing else is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := $(VENV)/.demo
STAMP := $(VENV)/.dev
NEWEST ?= $(HOME)/.cache/axon-notebook/conformance
SDK := tests/conformance/node_modules/.installed

.PHONY: demo test steady conformance docs examples pictures faults bench bench-compare style types js-check js-test widgets clean wheel-test matrix

# uv resolves and unpacks several times as fast as pip; where PyPI has none for this machine, pip does.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv || true

INSTALL = $(BIN)/uv pip install --python $(BIN)/python -e '.[$(1)]' \
	|| $(BIN)/pip install --quiet --disable-pip-version-check -e '.[$(1)]'

$(DEMO): pyproject.toml | $(BIN)/python
	$(call INSTALL,demo)
	touch $@

$(STAMP): pyproject.toml | $(BIN)/python
	$(call INSTALL,dev)
	touch $@ $(DEMO)

PYTEST = $(BIN)/pytest -n 2 --dist loadgroup --durations=20 $(TESTS)

demo: $(DEMO)  ## open the quickstart in JupyterLab; HEADLESS=1 executes it and prints the frames
	$(BIN)/python notebooks/demo.py $(if $(HEADLESS),--headless)

test: $(STAMP) $(SDK) style types js-check js-test widgets  ## everything CI runs
	$(PYTEST)

# What spins ends with the shell that started it, also after Ctrl-C.
SPIN = import os; shell = os.getppid()\nwhile os.getppid() == shell: pass

steady: $(STAMP) $(SDK) widgets  ## the tests (or TESTS=folder) TIMES=5 times, BUSY=2 of them while four processes spin
	for turn in $$(seq $(or $(TIMES),5)); do spinning=; \
	  if [ $$turn -le $(or $(BUSY),2) ]; then for n in 1 2 3 4; do \
	    $(BIN)/python -c "$$(printf '$(SPIN)')" & spinning="$$spinning $$!"; done; fi; \
	  $(PYTEST); status=$$?; \
	  [ -z "$$spinning" ] || kill $$spinning; \
	  echo "run $$turn of $(or $(TIMES),5): exit status $$status"; \
	  [ $$status = 0 ] || exit $$status; \
	done

faults: $(STAMP) widgets  ## the long versions of the fault, leak and crash tests
	$(BIN)/pytest --long -m long
	$(BIN)/pytest -n 2 --hypothesis-profile=long -m "hypothesis and not long"

conformance: $(STAMP) $(SDK) widgets  ## today's SDKs and agents from PyPI and npm, installed into NEWEST (2.4 GB)
	$(BIN)/python tests/conformance/newest/install.py $(NEWEST)
	PYTHONPATH=$(NEWEST)/python CONFORMANCE_SDK=$(NEWEST)/package.json AXON_NOTEBOOK_CONFORMANCE=$(NEWEST) \
	  $(BIN)/pytest --long tests/conformance tests/conformance/newest/check_agents.py

bench: $(STAMP)  ## each benchmark compared with its peers, one table
	$(BIN)/python benchmarks/run.py

bench-compare: $(STAMP)  ## each benchmark of another commit and of this one; BEFORE=commit
	$(BIN)/python benchmarks/compare.py $(or $(BEFORE),HEAD~1) $(WORDS)

docs: $(STAMP)  ## the site, into site/; needs no network
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

examples: $(STAMP)  ## run the examples of tutorial and cookbook, write what they show
	$(BIN)/python -m tests.docs.examples

pictures: $(STAMP) widgets  ## take the pictures of README and docs in a real JupyterLab
	AXON_NOTEBOOK_PICTURES=$(CURDIR)/docs/images $(BIN)/pytest -q tests/browser/test_pictures.py

wheel-test: $(STAMP) widgets  ## sdist and wheel, in an empty environment without Node
	$(BIN)/pytest --wheel tests/front_ends/test_wheel.py tests/test_packaging.py tests/test_labextension.py

matrix: $(STAMP) widgets  ## other versions of Python, IPython, ipykernel, pandas; ROWS="oldest py313"
	$(BIN)/python tests/front_ends/matrix.py $(ROWS)

style: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

# Node from PATH, or the one that the dev extra installs.
js/node_modules/.installed: $(STAMP) js/package-lock.json
	$(BIN)/python hatch_build.py npm ci --ignore-scripts
	touch $@

# Runloop's TypeScript SDK, at the version of the lock file.
$(SDK): $(STAMP) tests/conformance/package-lock.json
	$(BIN)/python hatch_build.py npm ci --ignore-scripts --prefix ../tests/conformance
	touch $@

js-check: js/node_modules/.installed  ## tsc and biome
	$(BIN)/python hatch_build.py npm run --silent check

js-test: js/node_modules/.installed  ## vitest
	$(BIN)/python hatch_build.py npm run --silent test

widgets: $(STAMP)  ## bring axon_notebook/static up to date with js/src
	$(BIN)/python hatch_build.py

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache axon_notebook/static
