# Two commands do all the set-up: `make run` and `make test`. Both make the environment first if it is not there.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PORT ?= 8501

.PHONY: run test lint notebooks screenshots benchmarks clean

run: $(VENV)/.run
	$(BIN)/python -m streamlit run app.py --server.port $(PORT)

# Two test processes with a thread each: two with several would wait for one another more than they work.
test: $(VENV)/.test lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

$(VENV)/.python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "WhatWhere needs Python 3.10 or newer; try: make PYTHON=python3.11 run")'
	$(PYTHON) -m venv $(VENV)
	touch $@

# opencv comes in two builds that share one folder; the last one installed wins, and only the headless one works
# on a machine without a display.
HEADLESS = $(BIN)/python -m pip install --disable-pip-version-check -q --force-reinstall --no-deps "opencv-python-headless==$$($(BIN)/python -c 'from importlib.metadata import version; print(version("opencv-python-headless"))')"

$(VENV)/.run: requirements.txt $(VENV)/.python
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements.txt
	$(HEADLESS)
	touch $@

$(VENV)/.test: requirements-dev.txt $(VENV)/.run
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements-dev.txt
	$(HEADLESS)
	touch $@

# Runs every notebook and saves it with light outputs.
notebooks: $(VENV)/.test
	$(BIN)/python docs/run_notebooks.py

screenshots: $(VENV)/.test
	$(BIN)/python docs/screenshots.py

benchmarks: $(VENV)/.test
	$(BIN)/python -m benchmarks.predict
	$(BIN)/python -m benchmarks.slider
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.data_index
	$(BIN)/python -m benchmarks.data_import
	$(BIN)/python -m benchmarks.data_check
	$(BIN)/python -m benchmarks.shelf
	$(BIN)/python -m benchmarks.train_throughput
	$(BIN)/python -m benchmarks.many_runs
	$(BIN)/python -m benchmarks.coco_eval
	$(BIN)/python -m benchmarks.bench_latency

clean:
	rm -rf $(VENV)
