# make env builds .venv from the lock; every other target calls it first.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
EXTRA ?= dev
ARGS ?=
# modules with a page in the API reference; a package without __all__ brings its modules along
API := gear gear.config gear.data gear.embeddings gear.errors gear.evaluation gear.export gear.geometry gear.methods \
	gear.methods.base gear.model gear.parsing gear.predict gear.prediction gear.pretrain gear.results gear.train gear.training \
	gear.variants search search.campaign search.launch search.plan search.results search.runtime search.simulation \
	search.storage tracking

.DEFAULT_GOAL := help
.PHONY: help env run test slow faults cluster check bench docs ui clean

help:  ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

env: .venv/.built  ## build .venv from constraints.txt

.venv/.built: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'error: Python 3.11 or newer with venv is needed: make env PYTHON=/path/to/python3.11'; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[$(EXTRA)]'
	@touch $@

run: env  ## a small real search on real data; ARGS='--trials 20' passes flags
	$(BIN)/gear-search run $(ARGS)

test: env  ## the tests, except those marked slow, gpu or cluster; ARGS='tests/unit/gear/data' chooses
	$(BIN)/pytest --numprocesses 2 --dist worksteal $(ARGS)

slow: env  ## the tests marked slow but for the faults, the installed wheel among them: minutes each
	$(BIN)/pytest -m 'slow and not faults' $(ARGS)

faults: env  ## every way to break a search, the slow ones too
	$(BIN)/pytest -m faults $(ARGS)

cluster: env  ## ray up for real on three machines made of namespaces; needs root, sshd, rsync: a quarter of an hour
	$(BIN)/pytest -m cluster $(ARGS)

check: env  ## lint, types, import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: env  ## the measurements
	@failed=; for script in benchmarks/bench_*.py; do echo "== $$script"; \
		$(BIN)/python $$script || failed="$$failed $$script"; done; \
		[ -z "$$failed" ] || { echo "error: failed:$$failed"; exit 1; }

docs: env  ## the API reference, docs/api/index.html
	PDOC_ALLOW_EXEC=1 $(BIN)/pdoc --docformat google --output-directory docs/api $(API)

ui: env  ## MLflow's page on this machine, http://127.0.0.1:5000
	$(BIN)/mlflow ui --host 127.0.0.1

clean:  ## remove .venv and caches, nothing of yours
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
