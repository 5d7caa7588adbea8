# The commands of the operating contract; docs/reference/commands.md describes each.
PYTHON ?= python3
VENV := .venv
PEERS := .venv-peers
STAMP := $(VENV)/.installed
DEMO_STAMP := $(VENV)/.installed-demo

.PHONY: install demo test chromium screenshots lint ci bench bench-peers vendor pins clean

install: $(STAMP)

$(STAMP): requirements/base.txt requirements/dev.txt
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

# A server with real trainings, on a machine with only Python. PORT=8001 listens there.
demo: $(DEMO_STAMP)
	@exec $(VENV)/bin/python -m demo $(if $(PORT),--port $(PORT))

# Whoever develops has installed all of it already.
$(DEMO_STAMP): requirements/base.txt requirements/demo.txt
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@test -e $(STAMP) || { echo "Installing into $(VENV) …"; \
		$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/demo.txt; }
	@touch $@

# Everything once, then the metric engine once more with a database of its own.
# `make test ARGS="tests/metrics -k fold"` runs a choice.
test: install chromium
	$(VENV)/bin/python -m pytest $(ARGS)
ifndef ARGS
	$(VENV)/bin/python -m pytest --metrics-database=own tests/metrics
endif

# For tests/browser; where it may not be installed they are skipped, and say so.
chromium:
	@.ci/chromium

# Every page × light and dark × three widths, into build/screenshots; `make screenshots PAGES="run team"` a choice.
screenshots: install chromium
	$(VENV)/bin/python -m tests.browser.screenshots $(PAGES)

lint: install
	.ci/run format lint imports types

ci:
	.ci/run

# `make bench NAMES="ingest tiles"` asks a choice.
bench: install
	$(VENV)/bin/python -m benchmarks $(NAMES)

# The trackers measured beside us, in a venv of their own. Without it they are left out.
bench-peers: install
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(VENV)/bin/uv pip install --quiet --python $(PEERS)/bin/python --require-hashes -r requirements/peers.txt

# Bundles the browser's libraries as static/vendor/package.json pins them; needs Node, which nobody else does.
vendor: install
	$(VENV)/bin/python -m apps.web.vendor

# Pins every requirement with its hashes, for every platform.
pins: install
	cd requirements && ../$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header base.in -o base.txt
	cd requirements && ../$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header dev.in -o dev.txt
	cd requirements && ../$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header demo.in -o demo.txt
	cd requirements && ../$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header peers.in -o peers.txt

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build
