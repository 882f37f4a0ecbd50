# Tidemark's commands. `make help` lists them. Plain GNU make and a POSIX shell are enough.

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
SERVERS := tests/support/servers
PEERS := bench/peers/requirements
COMPILED := $(wildcard dataflows/streaming/native/*.[ch] tidemark/native/*.h tidemark/producer/*.[ch])
PACKAGES := dashboard dataflows generator grafana sinks stats tidemark

# Stamps: what the environment holds. Runtime is enough for the demo, dev is everything.
MADE := $(VENV)/.made
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev

# An environment whose interpreter has gone, or whose folder was moved, is made again.
ifeq ($(shell test -x $(PY) && grep -qxF '$(CURDIR)' $(MADE) 2>/dev/null && echo usable),)
$(MADE): FORCE
endif

.DEFAULT_GOAL := help
.PHONY: help setup test check chaos audit demo bench bench-plots bench-peers up down screenshots format lock clean FORCE

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  PYTHON=/path/to/python3.12 chooses the interpreter of setup; ARGS="..." goes to pytest or the benchmark.'

setup: $(DEV) ## Make .venv with everything in it

# Tests mostly wait, for servers and for windows to close: several processes share them, file by file,
# in the order of the files (the long ones come early). Each process has servers of its own. One that
# ends in mid-test is not replaced: its successor would begin with the same test.
JOBS ?= 3
PYTEST = $(PY) -m pytest -q --durations 15 --numprocesses $(JOBS) --dist loadfile \
	--no-loadscope-reorder --max-worker-restart 0

# A few that failed among the others are run once more alone, as Kafka's own build does: on a busy
# machine a server can be slower than a test waits. What fails alone has failed; both are told.
ALONE = { test $$? = 1 && $(PY) -m tests.alone; }

test: $(DEV) ## Run all tests (JOBS=0: one after the other; ARGS="-k kafka -x" goes to pytest)
	$(PYTEST) $(ARGS) || $(ALONE)

check: $(DEV) ## Lint, format, types, then all tests: what must be green
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy --strict $(wildcard $(PACKAGES) bench) tests
	$(PYTEST) $(ARGS) || $(ALONE)

demo: $(if $(wildcard $(DEV)),$(DEV),$(RUNTIME)) ## Show it live without any server (SECONDS=40 stops by itself)
	$(BIN)/tidemark demo $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

chaos: $(DEV) ## Break it many times on a real Kafka and check every value (ARGS="bounded-2 soak" chooses)
	$(PY) -m tests.faults $(ARGS)

bench: $(DEV) ## Measure every bar on real servers (ARGS="throughput --rounds 3" one of them)
	$(PY) -m bench $(or $(ARGS),all)

bench-plots: $(DEV) ## Draw the plots and write the tables of docs/performance.md, from bench/results
	$(PY) -m bench plots
	$(PY) -m bench docs

bench-peers: $(DEV) ## Measure what one would pick instead on the same topics (ARGS="run --events 2000000")
	$(PY) -m bench.peers $(or $(ARGS),run)

up: ## Start everything in containers (docker-compose.yml), with passwords made for .env if there is none
	deploy/compose/make-env.sh
	docker compose up --build --detach
	docker compose ps

down: ## Stop the containers; the data stays in volumes
	docker compose down

screenshots: $(DEV) ## Take the pictures of the live page anew (needs Chromium)
	$(PY) -m tests.dashboard.screenshots

format: $(DEV) ## Format the sources and fix what lint can fix
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

COMPILE = CUSTOM_COMPILE_COMMAND='make lock' $(PY) -m piptools compile --quiet --generate-hashes \
	--allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links

LOCKS = requirements-build.txt requirements.txt requirements-dev.txt $(SERVERS)/mongodb-requirements.txt \
	tests/deploy/k8s-requirements.txt

lock: $(DEV) ## Pin the requirements anew (LOCK_ARGS=--upgrade takes newer versions)
	$(COMPILE) $(LOCK_ARGS) --output-file requirements-build.txt requirements-build.in
	$(COMPILE) $(LOCK_ARGS) --output-file requirements.txt pyproject.toml
	$(COMPILE) $(LOCK_ARGS) --extra dev --constraint requirements.txt --constraint requirements-build.txt \
		--output-file requirements-dev.txt pyproject.toml
	$(COMPILE) $(LOCK_ARGS) --output-file $(SERVERS)/mongodb-requirements.txt \
		$(SERVERS)/mongodb-requirements.in
	$(COMPILE) $(LOCK_ARGS) --output-file tests/deploy/k8s-requirements.txt tests/deploy/k8s-requirements.in
	for peer in $(basename $(notdir $(wildcard $(PEERS)/*.in))); do \
	    $(COMPILE) $(LOCK_ARGS) --output-file $(PEERS)/$$peer.txt $(PEERS)/$$peer.in || exit 1; \
	done

# A tool of its own, always the newest; --strict: a package that cannot be looked up is no success.
AUDIT := var/audit

audit: $(MADE) ## Look the pins up among known vulnerabilities (ARGS="--vulnerability-service osv")
	test -x $(AUDIT)/bin/pip-audit || { $(PY) -m venv $(AUDIT) && $(AUDIT)/bin/pip install --quiet pip-audit; }
	$(AUDIT)/bin/pip-audit --strict --no-deps --disable-pip $(LOCKS:%=--requirement %) $(ARGS)

clean: ## Remove the environment and everything that tools left behind
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f dataflows/streaming/native/*.so tidemark/producer/*.so

# A candidate is run, not only looked up: version managers put names on the path that lead nowhere.
$(MADE):
	@python=; \
	for candidate in $(if $(PYTHON),'$(PYTHON)',python3.12 python3.11 python3 python); do \
	    if "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; then \
	        python=$$candidate; break; \
	    fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo 'Tidemark needs Python 3.11 or 3.12, and $(if $(PYTHON),$(PYTHON) is not one,none was found on the path).' >&2; \
	    echo 'Install one, or name it: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3.12' >&2; \
	    exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$python" --version) ..."; \
	if ! "$$python" -m venv --clear $(VENV); then \
	    echo "$$python cannot make a virtual environment." >&2; \
	    echo 'On Debian and Ubuntu its venv module is a package of its own: apt-get install python3-venv' >&2; \
	    exit 1; \
	fi
	@echo '$(CURDIR)' > $@

INSTALL = $(PY) -m pip install --quiet --disable-pip-version-check

# Without a C compiler, or Python's headers, the compiled half of reading is left out.
$(RUNTIME): $(MADE) requirements-build.txt requirements.txt pyproject.toml setup.py $(COMPILED)
	$(INSTALL) --require-hashes -r requirements-build.txt -r requirements.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): $(MADE) requirements-dev.txt pyproject.toml setup.py $(COMPILED)
	$(INSTALL) --require-hashes -r requirements-dev.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@
