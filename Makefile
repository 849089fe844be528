# OPCODE. `make` lists what there is.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV ?= $(if $(wildcard $(BIN)/uv),$(BIN)/uv,uv)
EXPORT := $(UV) export --quiet --all-packages --no-emit-workspace --no-header --no-annotate --format requirements.txt
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check # errors only
MEMBERS := opcode $(sort $(wildcard plugins/opcode-*))
PROJECTS := pyproject.toml $(addsuffix /pyproject.toml,$(MEMBERS))

.DEFAULT_GOAL := help
.PHONY: help setup test test-all check check-others simulate lint format demo takeover bench docs lock dist clean crash-all soak

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make the environment: pinned requirements, then every package of this repository

$(READY): requirements/dev.lock $(PROJECTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "OPCODE needs Python 3.11 or newer; say which with PYTHON=python3.12 make ..." >&2; exit 2; }
	@echo "setting up $(VENV) with $$($(PYTHON) --version)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@$(PIP) install --no-deps --no-build-isolation $(foreach member,$(MEMBERS),-e ./$(member)) -e .
	@$(BIN)/python -m compileall -q $(addsuffix /src,$(MEMBERS)) # pip does it for wheels only; the first start is half as long
	@touch $@

test: lint check ## set everything up, then lint and every test

check: $(READY) ## the tests alone
	@$(BIN)/python -m pytest -q $(TESTS)

test-all: test check-others ## the same, and the tests on the other Pythons

check-others: TESTS ?= -m "not once"
check-others: ## the tests on Python 3.12 and 3.13, where they are installed, without the longest; TESTS= for all
	@for version in 3.12 3.13; do \
		python=python$$version; \
		$$python -c '' 2>/dev/null || \
			python=$$(ls -d "$${PYENV_ROOT:-$$HOME/.pyenv}/versions/$$version".*/bin/python 2>/dev/null | tail -n 1); \
		[ -n "$$python" ] || { echo "Python $$version is not installed here"; continue; }; \
		echo "tests on $$($$python --version)"; \
		$(MAKE) --no-print-directory check PYTHON="$$python" VENV=.venv-$$version TESTS='$(TESTS)' || exit 1; \
	done

simulate: export OPCODE_SIMULATE ?= 20
simulate: $(READY) ## the engine in virtual time: OPCODE_SIMULATE times as many lives as in the tests
	@$(BIN)/python -m pytest -q tests/test_engine_simulation.py tests/test_engine_machine.py

lint: $(READY) ## ruff, mypy and the import contracts
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache > $(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }

format: $(READY) ## lay the code out and mend what ruff can mend
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .

demo: $(READY) ## set everything up, then run a workflow on this repository's own files
	@$(BIN)/opcode demo

takeover: $(READY) ## kill the engine 20 times under 8 clients, and count what was lost or done twice
	@$(BIN)/python tests/takeover.py

bench: $(READY) ## measure: durable workflows, expressions, step types, actions, the wire, start-up, memory
	@$(BIN)/python bench/run.py

crash-all: $(READY) ## every point, twice at 500 of them; every moment of a power cut; every write that can fail
	@cd tests && ../$(BIN)/python -m crash.explore --pairs 500 --summary
	@OPCODE_EVERY_MOMENT=1 $(BIN)/python -m pytest -q tests/test_power_loss.py tests/test_store_faults.py

soak: $(READY) ## ten minutes of random workflows, killed every 5 to 40 seconds
	@cd tests && ../$(BIN)/python -m crash.soak

docs: $(READY) ## write the reference of the actions from the code
	@$(BIN)/python docs/generate_actions.py

lock: ## choose the pins anew; needs uv, which reads its index settings from the environment
	$(EXPORT) --group dev --output-file requirements/dev.lock > /dev/null
	$(EXPORT) --no-dev --output-file requirements/runtime.lock > /dev/null
	@rm -f uv.lock # it would record the address of the index

dist: export OPCODE_RELEASE = 1
dist: $(READY) ## build the wheels of a release into dist/
	@rm -rf dist && mkdir dist
	@for member in . $(MEMBERS); do \
		$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist ./$$member || exit 1; \
	done
	@$(BIN)/python -c 'import sys, zipfile; \
		texts = {(w, n): zipfile.ZipFile(w).read(n) for w in sys.argv[1:] for n in zipfile.ZipFile(w).namelist()}; \
		sys.exit("".join(f"{w} depends on a path\n" for (w, n), t in texts.items() if n.endswith("/METADATA") and b"file://" in t) or None)' \
		dist/*.whl
	@ls dist

clean: ## remove what make made
	rm -rf $(VENV) .venv-3.* dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
