# Everything runs in .venv. Every target makes it first, or does nothing about it if it is up to date.

PYTHON ?= python3
BIN := .venv/bin
DEMO_DUCKDB := data/demo/demo.duckdb
# Whose pages are made: your bot's, once it was pulled, else the demo's
SHOWN_DUCKDB := $(or $(CHATFUEL_DUCKDB_PATH),$(wildcard data/chatfuel.duckdb),$(DEMO_DUCKDB))
# The warehouse of the nightly targets: dev, prod or emulator
TARGET ?= dev
# How much `make bench` measures: small, or full, the size of a real bot
SIZE ?= small

export DBT_PROFILES_DIR := $(CURDIR)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-quick lint lint-python lint-sql lint-dbt format docs dashboard screenshots lock clean \
	test-airflow test-newer-dbt looker bench cost pull freshness build weekly site report artifacts

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

setup: dbt_packages/.installed ## Make .venv with the pinned requirements, and fetch the dbt packages

demo: setup ## 21 days of a simulated bot: pulled, built, shown (data/demo/); SURFACE=panel for one on the panel
	@$(BIN)/python -m sandbox.demo $(SURFACE)

test: setup ## Run all tests: ten to fifteen minutes on two cores
	$(BIN)/python -m pytest -n 2 --dist loadgroup

test-quick: setup ## The loader without its faults, and one small build with all unit tests: a minute and a half
	$(BIN)/python -m pytest -n 2 --dist loadgroup -q -m 'not airflow and not newer_dbt and not slow' --ignore tests/loader/faults tests/pipeline/test_plain_build.py tests/loader

test-airflow: setup .venv-airflow/.installed ## Run the Airflow DAG against the sandbox, in an environment of its own
	$(BIN)/python -m pytest -m airflow tests/deploy

test-newer-dbt: setup .venv-newer-dbt/.installed ## Build with the next minor version of dbt, warnings as errors
	$(BIN)/python -m pytest -m newer_dbt tests/packages

lint: lint-python lint-sql lint-dbt ## Check style and warnings of Python, SQL and the dbt project

lint-python: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-sql: export CHATFUEL_DUCKDB_PATH = :memory:
lint-sql: setup
	$(BIN)/sqlfluff lint

lint-dbt: setup
	$(BIN)/dbt --quiet --warn-error-options '{"error": ["Deprecations"]}' parse --no-partial-parse --show-all-deprecations

format: export CHATFUEL_DUCKDB_PATH = :memory:
format: setup ## Mend what lint can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix

# The nightly run, step by step: what schedules call. What it makes holds personal data: only the owner may read it.

pull: setup ## Pull every bot into TARGET (dev), unless today has a pull
	@umask 077; $(BIN)/python -m loader pull --once-a-day --target $(TARGET)

freshness: setup ## Fail if the last pull in TARGET is too old
	@umask 077; $(BIN)/dbt source freshness --target $(TARGET)

build: setup ## Build and test TARGET; REBUILD_FROM=2024-06-20 takes in a late pull
	@umask 077; $(BIN)/dbt build --selector daily --target $(TARGET) $(if $(REBUILD_FROM),--vars "{chatfuel_rebuild_from: $$REBUILD_FROM}")

weekly: setup ## The tests that read all of history in TARGET, and the unit tests
	@umask 077; $(BIN)/dbt test --selector weekly --target $(TARGET)

site: setup ## Dashboard and docs site of TARGET, to publish: data/site/
	@# what the build has parsed need not be parsed again
	@mkdir -p target/site; test ! -f target/partial_parse.msgpack || cp target/partial_parse.msgpack target/site/
	@$(BIN)/dbt --quiet docs generate --static --target $(TARGET)
	@$(BIN)/python -m dashboard.build --target $(TARGET) --output data/site/index.html
	@cp target/site/static_index.html data/site/docs.html

report: setup ## State of pipeline and data; tells the webhook, with FAILED=step of a failure
	@$(BIN)/python -m loader report --notify --target $(TARGET) $(if $(FAILED),--failed "$$FAILED")

artifacts: setup ## What dbt left of its last run, without SQL, for others to read: target/artifacts/
	@$(BIN)/python deploy/artifacts.py

# Apart from the artifacts of the build, which say how its tests went.
docs dashboard site: export DBT_TARGET_PATH := target/site

docs dashboard: export CHATFUEL_DUCKDB_PATH := $(SHOWN_DUCKDB)
docs: setup $(filter $(DEMO_DUCKDB),$(SHOWN_DUCKDB)) ## Make the docs site of your warehouse, or where there is none, of the demo
	$(BIN)/dbt --quiet docs generate --static
	@echo "The docs site: target/site/static_index.html"

dashboard: setup $(filter $(DEMO_DUCKDB),$(SHOWN_DUCKDB)) ## Make the dashboard of your warehouse, or where there is none, of the demo
	@$(BIN)/python -m dashboard.build

looker: export CHATFUEL_DUCKDB_PATH = :memory:
looker: setup ## Generate the views and explores of looker/ from the models
	@$(BIN)/dbt --quiet parse
	@$(BIN)/python -m looker.generate

screenshots: dashboard ## Every view as a picture, in data/pictures/; needs chromium, chromium-driver, fonts-noto-color-emoji
	@$(BIN)/python -m dashboard.screenshots

bench: setup data/bench/venv/.installed ## Measure what it costs, into benchmarks/RESULTS.md; SIZE=full is the size of a real bot, and takes long
	@$(BIN)/python -m benchmarks --size $(SIZE)

cost: setup ## What a night reads on BigQuery, model by model: computed from target/, after a build there
	@$(BIN)/python -m benchmarks.cost target

lock: setup ## Pin the requirements of pyproject.toml again; pins that still fit stay
	$(COMPILE) pyproject.toml --extra dev --output-file requirements-dev.txt
	$(COMPILE) pyproject.toml --constraints requirements-dev.txt --output-file requirements.txt
	$(COMPILE) deploy/airflow/requirements.in --output-file deploy/airflow/requirements.txt
	$(COMPILE) benchmarks/requirements.in --output-file benchmarks/requirements.txt

clean: ## Remove what these targets made; your pulls in data/ stay
	rm -rf .venv .venv-airflow .venv-newer-dbt dbt_packages package-lock.yml target logs data/demo data/bench .pytest_cache .ruff_cache .hypothesis

COMPILE := $(BIN)/uv pip compile --quiet --python-version 3.11 \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

$(DEMO_DUCKDB):
	@$(MAKE) demo

.venv/.made:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo '"$(PYTHON)" is not Python 3.11 or newer. Install one, or name one: make PYTHON=python3.12' >&2; exit 1; }
	"$(PYTHON)" -m venv .venv
	@touch $@

# compiled now: dbt starts in a third of the time, also where Python may not write its cache later
.venv/.installed: requirements-dev.txt .venv/.made
	@echo "Installing requirements-dev.txt into .venv (a minute or two, the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements-dev.txt uv
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python requirements-dev.txt
	@touch $@

.venv-airflow/.installed: deploy/airflow/requirements.txt .venv/.installed
	@"$(PYTHON)" -m venv .venv-airflow
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python .venv-airflow/bin/python deploy/airflow/requirements.txt
	@touch $@

.venv-newer-dbt/.installed: tests/packages/newer_dbt.txt .venv/.installed
	@"$(PYTHON)" -m venv .venv-newer-dbt
	@$(BIN)/uv pip sync --quiet --python .venv-newer-dbt/bin/python tests/packages/newer_dbt.txt
	@touch $@

# pandas and dlt are measured, not used: apart from what the project needs
data/bench/venv/.installed: benchmarks/requirements.txt .venv/.installed
	@echo "Installing benchmarks/requirements.txt into data/bench/venv"
	@"$(PYTHON)" -m venv data/bench/venv
	@$(BIN)/uv pip sync --quiet --python data/bench/venv/bin/python benchmarks/requirements.txt
	@touch $@

dbt_packages/.installed: packages.yml .venv/.installed $(wildcard tests/offline_packages/* tests/offline_packages/*/macros/*)
	@$(BIN)/python tests/offline_packages/install.py
	@touch $@
