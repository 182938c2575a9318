# make chat: set up, build the index over seeds/, open the chat.   make test: set up, run all tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PORT ?= 7860

.PHONY: chat test fast lint format eval screenshots clean

chat: $(VENV)/.installed  ## set up, build the index over seeds/, open the chat
	$(BIN)/rag index seeds --index index
	$(BIN)/python app.py --port $(PORT)

test: $(VENV)/.installed-test  ## set up, run all tests
	$(BIN)/python -m pytest

fast: $(VENV)/.installed-test  ## the quick tests only
	$(BIN)/python -m pytest -m "not slow and not browser"

lint: $(VENV)/.installed-test  ## linters and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

eval: $(VENV)/.installed-test  ## measure on the project's own questions
	$(BIN)/rag eval --out eval

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "make: $(PYTHON) is $$($(PYTHON) -V 2>&1); Python 3.11 or newer is needed: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install -q -c constraints.txt torch==2.13.0
	$(PIP) install -q -c constraints.txt -e '.[formats]'
	@touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) install -q -c constraints.txt torch==2.13.0
	$(PIP) install -q -c constraints.txt -e '.[test]'
	@touch $(VENV)/.installed $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
