# The commands of the README; each makes .venv and installs first when that is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo reproduce test test-long lint format bench faults mutants coverage shown wheel constraints install clean

demo: $(INSTALLED)  ## the whole study on scikit-learn's digits; ends in runs/demo/report.html
	$(BIN)/advgen demo

reproduce: $(INSTALLED)  ## every row of the five documents at small scale; ends in runs/reproduce/report.html
	$(BIN)/advgen reproduce --all --set readme=README.md

# Two processes: tests of a cluster mostly wait for its processes to start. By file, as tests of one share trainings; in
# the order of tests/conftest.py, which has the slow ones first, so that both processes end together.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: $(INSTALLED) lint  ## lint, types, what is unused, and the test suite
	$(PYTEST) -m "not long"

test-long: $(INSTALLED)  ## the tests that take half a minute or more: kills, whole jobs on a real cluster, a compiler
	$(PYTEST) -m long

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/vulture

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED)  ## ratios against named peers and limits, into runs/bench.md; ONLY=name,name runs some
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable ".[bench]"
	$(BIN)/python -m tests.benchmarks.run $(if $(ONLY),--only $(ONLY))

faults: $(INSTALLED)  ## real jobs killed at random points, KILLS=100 times, and what they leave compared; runs/faults.json
	$(BIN)/python -m tests.faults.run --kills $(or $(KILLS),100) --seed $(or $(SEED),0)

mutants: $(INSTALLED)  ## how many of SAMPLE=700 mutants of the maths the tests notice; SAMPLE=0 takes all; runs/mutants.json
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable ".[mutation]"
	$(BIN)/python -m tests.mutants --sample $(or $(SAMPLE),700)

coverage: $(INSTALLED)  ## the share of lines that the tests of make test run, by file, where any is missed; at least 90%
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable ".[coverage]"
	$(PYTEST) -m "not long" --cov=advgen_ray --cov-report=term-missing:skip-covered --cov-fail-under=90

shown: $(INSTALLED)  ## the pictures in docs/ and the README's figures anew, from a finished make demo
	$(BIN)/python -m tests.shown_of_the_demo runs/demo

wheel: $(INSTALLED)  ## dist/*.whl, which cluster/aws.yaml and cluster/gcp.yaml install on their nodes
	$(BIN)/uv build --quiet --wheel --out-dir dist .

# For x86 Linux with CUDA, whatever this machine is; the head of cluster/gcp.yaml needs one package more.
constraints: $(INSTALLED)  ## cluster/constraints.txt anew: every dependency at the newest version that pyproject allows
	echo google-api-python-client | $(BIN)/uv pip compile --quiet --upgrade --python-version 3.11 \
		--extra attacks --extra diffusers --python-platform x86_64-unknown-linux-gnu --no-annotate --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make constraints" --output-file cluster/constraints.txt pyproject.toml -

install: $(INSTALLED)

# uv installs in seconds what pip takes minutes for; it comes from the package index like everything else. Bytecode is
# compiled here, once: a cluster starts dozens of processes, and each would spend seconds on it.
$(INSTALLED): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --editable ".[dev]"
	touch $@

clean:
	rm -rf .venv runs build dist *.egg-info
