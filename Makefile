# OPCODE. `make` lists what there is.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
MEMBERS := opcode $(sort $(wildcard plugins/opcode-*))
PROJECTS := pyproject.toml $(addsuffix /pyproject.toml,$(MEMBERS))

.DEFAULT_GOAL := help
.PHONY: help setup test test-all check lint format demo bench lock dist clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make the environment: pinned requirements, then every package of this repository

$(READY): requirements/dev.lock $(PROJECTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "OPCODE needs Python 3.11 or newer; say which with PYTHON=python3.12 make ..." >&2; exit 2; }
	@echo "setting up $(VENV) with $$($(PYTHON) --version)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		$(foreach member,$(MEMBERS),-e ./$(member))
	@touch $@

test: lint check ## set everything up, then lint and every test

check: $(READY) ## the tests alone
	@$(BIN)/python -m pytest -q

test-all: test ## the tests on 3.12 and 3.13 too, where they are installed
	@for version in 3.12 3.13; do \
		if command -v python$$version >/dev/null && python$$version -c '' 2>/dev/null; then \
			echo "tests on Python $$version"; \
			$(MAKE) --no-print-directory check PYTHON=python$$version VENV=.venv-$$version || exit 1; \
		else echo "Python $$version is not installed here"; fi; \
	done

lint: $(READY) ## ruff, mypy and the import contracts
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary
	@PYTHONPATH=. $(BIN)/lint-imports --no-cache > $(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }

format: $(READY) ## lay the code out and mend what ruff can mend
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .

demo: $(READY) ## set everything up, then run a workflow on this repository's own files
	@$(BIN)/opcode demo

bench: $(READY) ## measure: durable workflows, the wire, start-up, memory
	@$(BIN)/python bench/run.py

lock: ## choose the pins anew; needs uv
	uv export --all-packages --group dev --no-emit-workspace --no-header --no-annotate \
		--format requirements.txt --output-file requirements/dev.lock > /dev/null
	rm -f uv.lock

dist: $(READY) ## build the wheels of a release into dist/
	@rm -rf dist && mkdir dist
	@for member in . $(MEMBERS); do \
		OPCODE_RELEASE=1 $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
			--wheel-dir dist ./$$member || exit 1; \
	done
	@for wheel in dist/*.whl; do \
		! unzip -p $$wheel '*/METADATA' | grep -q 'file://' || { echo "$$wheel depends on a path" >&2; exit 1; }; \
	done
	@ls dist

clean: ## remove what make made
	rm -rf $(VENV) .venv-3.* dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
