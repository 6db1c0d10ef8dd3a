# Two commands for a newcomer: `make demo` and `make test`. Both work from a bare machine with Python 3.11 and pip.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test lint clean

help:
	@echo "make demo    install into .venv; train and time eight networks on the digits"
	@echo "make test    lint, import contract, tests (make lint: without the tests)"
	@echo "make clean   remove .venv and runs/demo"

demo: .venv/installed
	$(BIN)/para-former reproduce --dataset digits --output runs/demo

test: .venv/installed lint
	$(BIN)/pytest --numprocesses auto

lint: .venv/installed
	$(BIN)/ruff check src tests
	$(BIN)/ruff format --check src tests
	$(BIN)/lint-imports

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip -c constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf .venv runs/demo
