# What a developer types. Needs Python 3.11 or newer, git and make; everything else is put into .venv here.
# All paths are relative, so that the repository may lie anywhere, blanks included.

SHELL := bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHONS ?= python3.13 python3.12 python3.11 python3 python
JOBS ?= 2
ARGS ?=
SEED ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONUNBUFFERED := 1

BIN := .venv/bin
PY := $(BIN)/python

# $(call install,WHAT): pip, with one line for each package that is fetched, and its own last words when it fails.
install = set -o pipefail; $(PY) -m pip install --progress-bar off -c constraints.txt -e '$(1)' 2>&1 | tee .venv/pip.log | \
	while IFS= read -r line; do case "$$line" in \
		*Downloading\ *.whl\ *|*Downloading\ *.tar.gz\ *) echo "  $${line\#\#*Downloading }" ;; \
		Installing\ collected*) echo "  unpacking" ;; \
	esac; done || { tail -n 20 .venv/pip.log >&2; exit 1; }

.PHONY: help up test bench sim lint types pins clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

up: .venv/.up ## start the whole system on this machine; Ctrl-C stops it
	@$(BIN)/tidegate up $(ARGS)

test: lint types .venv/.test ## lint, types, and the whole test suite
	$(PY) -m pytest -n $(JOBS) --dist loadgroup $(ARGS)

bench: .venv/.bench ## measure, and print the table
	$(PY) -m bench $(ARGS)

sim: .venv/.test ## simulate the system under faults; SEED=n repeats one run exactly
	$(PY) -m tests.simulation $(if $(SEED),--seed $(SEED)) $(ARGS)

lint: .venv/.test ## style, and imports that point down
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(BIN)/lint-imports --no-logo

types: .venv/.bench ## mypy, strict, the benchmarks included
	$(PY) -m mypy

pins: ## resolve the newest fitting versions of all dependencies into constraints.txt
	@rm -rf build/pins && mkdir -p build && $(call find_python,build/pins)
	@echo "Resolving afresh, unconstrained"
	@build/pins/bin/python -m pip install --quiet -e '.[dev,bench]'
	@{ sed '/^[^#]/,$$d' constraints.txt; build/pins/bin/python -m pip freeze --exclude-editable | grep '=='; } > build/constraints.txt
	@mv build/constraints.txt constraints.txt && rm -rf build/pins
	@git --no-pager diff --stat -- constraints.txt

clean: ## remove what make made; the data in .tidegate stays
	rm -rf .venv build dist *.egg-info .hypothesis .import_linter_cache .grimp_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------------------------------- the environment

# $(call find_python,FOLDER): make a virtual environment with the first Python that will do, or say what is missing.
# A name on the path may be a shim without a Python behind it, and Debian's Python comes without `ensurepip`.
define find_python
bare=; for python in $(PYTHONS); do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	"$$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || { bare=$${bare:-$$python}; continue; }; \
	echo "Making $(1) with $$("$$python" --version)"; \
	exec "$$python" -m venv --clear $(1); \
done; \
if [ -n "$$bare" ]; then \
	echo "$$("$$bare" --version) is here, but cannot make virtual environments." >&2; \
	echo "On Debian and Ubuntu: sudo apt install $$("$$bare" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" >&2; \
else \
	echo "Tidegate needs Python 3.11 or newer, and none of these is one: $(PYTHONS)." >&2; \
	echo "Install it, or name it: make PYTHONS=/path/to/python3" >&2; \
fi; \
exit 1
endef

# The stamps stand in a row, so that two pips never meet under `make -j`.
$(PY):
	@$(call find_python,.venv)

.venv/.up: pyproject.toml constraints.txt | $(PY)
	@echo "Installing Tidegate and what it runs on into .venv (once; about 150 MB)"
	@$(call install,.)
	@touch $@

.venv/.test: .venv/.up
	@echo "Installing what the tests need"
	@$(call install,.[dev])
	@touch $@

.venv/.bench: .venv/.test
	@echo "Installing what the benchmarks need"
	@$(call install,.[bench])
	@touch $@
