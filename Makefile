# Everything runs in .venv, made from requirements.lock; nothing else on the machine is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST_ARGS ?=

.PHONY: demo test image-test deploy-test dashboards lint format schemas lock bench bench-text clean install

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("wirewatch needs Python 3.11 or later" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: $(STAMP)  ## the whole stream in this terminal, on an embedded broker
	$(BIN)/wirewatch demo

test: lint  ## lint, types, and all tests; those on a real Kafka need Java 17 and Maven
	$(BIN)/pytest -n 2 --dist loadfile $(PYTEST_ARGS)

image-test: $(STAMP)  ## the image and compose, built and run with buildah and podman, as root on Debian; 10 minutes, and 30 for a bad night
	tests/image/install
	$(BIN)/pytest -m image tests/image $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schemas: $(STAMP)  ## topics/schemas/ from topics/records.py
	$(BIN)/python -m topics.schema topics/schemas

lock: $(STAMP)  ## requirements.lock from pyproject.toml, and the image's: hashes for every platform, no host
	$(BIN)/python -m uv pip compile -q --generate-hashes --universal --all-extras pyproject.toml -o requirements.lock
	$(BIN)/python -m uv pip compile -q --generate-hashes --universal --extra otel pyproject.toml -c requirements.lock -o deploy/requirements.lock
	echo 'hatchling>=1.27,<2' | $(BIN)/python -m uv pip compile -q --generate-hashes --universal - -c requirements.lock -o deploy/build.lock

dashboards: $(STAMP)  ## deploy/grafana/dashboards/ from deploy/grafana/generate.py
	$(BIN)/python -m tests.deploy.tools deploy/grafana/generate.py

deploy-test: $(STAMP)  ## the chart, dashboards and schemas against their formats: fetches helm (go) and schemas (npm)
	$(BIN)/pytest -m deploy tests/deploy

bench: $(STAMP)
	$(BIN)/python -m tests.bench

bench-text: $(STAMP)  ## what names, clean text and languages are worth, each beside the same without
	$(BIN)/python -m tests.bench.bench_text

clean:
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
