# Every target prepares what it needs. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# A game day is some twenty processes, and a test run hundreds: none shall compile what another has.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
GAMEDAY_ARGS ?=
PYTEST_ARGS ?=
FAST := not live and not browser and not stand and not nightly
BESIDE := not live and not stand and not nightly
STAND := stand and not nightly
SHARED := live and not apart and not alone and not nightly
APART := live and apart and not alone and not nightly
ALONE := live and alone and not nightly

.PHONY: help setup gameday test test-unit test-all test-network-isolation bench brokers images lint format constraints

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

setup: ## all that this machine needs: .venv, RabbitMQ, Toxiproxy (starts no broker)
	@scripts/setup.sh

gameday: setup ## set-up, then sparki's smoke game day (more options: GAMEDAY_ARGS="--seed 7")
	@$(BIN)/gameday run sparki --suite smoke $(GAMEDAY_ARGS)

test: setup ## set-up, then all that a change must pass: fast tests, a browser, a real cluster
	@scripts/setup_sshd.sh
	@BESIDE="$(BESIDE)" STAND="$(STAND)" SHARED="$(SHARED)" APART="$(APART)" \
		ALONE="$(ALONE)" scripts/test.sh $(PYTEST_ARGS)

test-unit: setup ## the tests that need neither broker nor browser (seconds)
	@$(PYTEST) -m "$(FAST)" --ignore=tests/live $(PYTEST_ARGS)

test-all: test ## everything, also what takes longer than a change may wait
	@BESIDE="nightly and not live and not stand" STAND="nightly and stand" \
		SHARED="nightly and live and not apart and not alone" \
		APART="nightly and live and apart and not alone" ALONE="nightly and live and alone" \
		scripts/test.sh $(PYTEST_ARGS)

test-network-isolation: setup ## tests in network zones: says first what memory they take, and leaves all as it was
	@scripts/test_network_isolation.sh $(PYTEST_ARGS)

bench: setup ## measure, and print the README's table of numbers
	@for script in bench/[a-z]*.py; do $(BIN)/python "$$script"; done

brokers: setup ## other RabbitMQ versions beside the installed one: 4.3.6 and 4.0.5 (root, debootstrap)
	@scripts/brokers.sh

images: ## an engine, and images for docker-compose.yml from Debian packages (root; VERSIONS="4.3 4.0")
	@scripts/engine.sh start
	@scripts/images.sh $(VERSIONS)

lint: setup ## style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: setup ## let ruff mend what it can
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

constraints: ## pin today's versions of everything that is installed (then make test)
	@scripts/pin.sh
