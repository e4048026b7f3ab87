# The words of the day. Each runs what the environment holds and downloads nothing.
PYTHON ?= python

.PHONY: test quick lint format docs app

test: ## all tests
	$(PYTHON) -m pytest

quick: ## the tests of every few minutes: without those that take long
	$(PYTHON) -m pytest -m "not slow"

lint: ## what .ci/run asks beside the tests
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

format: ## put the code into its format, and imports into their order
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

docs: ## draw the picture of the rooms from the table in docs/architecture.md, and make the site in runs/site
	$(PYTHON) docs/draw_architecture.py
	zensical build --strict

app: ## the pages, on http://127.0.0.1:7860
	$(PYTHON) app.py
