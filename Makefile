PYTHON ?= python3
BIN := .venv/bin
LABEL_VENV ?= .venv-label
MODELS ?= infnet_efficientnet_lite0
APP ?= label_app
PORT ?= 8000
export MPLBACKEND := Agg

.PHONY: demo test lint wheel bundles bench docs docs-serve label-env label-server studies-given

.venv/ready: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: .venv/ready  ## train on the built-in phantom in a small form, about two minutes on two cores
	$(BIN)/python -m monai.bundle run training --config_file bundles/infnet_vgg16/configs/train.json \
	  --epochs 5 --image_size "[128,128]" --batch_size 8 --learning_rate 0.0005 --pretrained false \
	  --ckpt_dir demo/models --output_dir demo/eval

# One thread each: two processes on two cores would wait for each other's.
test: export OMP_NUM_THREADS := 1
test: .venv/ready  ## run the tests, two files at a time
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --cov --cov-report=term --cov-fail-under=95

lint: .venv/ready  ## linters, types, doctests, bundles in step with their template
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --doctest-modules infnet_monai -q --ignore infnet_monai/federated  # which needs the extra fl
	$(BIN)/python workflows/make_bundles.py --check

docs: .venv/ready  ## build the documentation into site/; warnings, such as broken links, are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Wrote site/index.html"

docs-serve: .venv/ready  ## show the documentation at http://127.0.0.1:8000
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

wheel: .venv/ready  ## build wheel and source distribution, and work with the wheel in a fresh environment
	.ci/wheel

bundles: .venv/ready  ## write the bundles from their template
	$(BIN)/python workflows/make_bundles.py

bench: .venv/ready  ## measure data loading, metrics and networks
	$(BIN)/python workflows/benchmark.py data
	$(BIN)/python workflows/benchmark.py metrics
	$(BIN)/python workflows/benchmark.py model

# MONAI Label pins numpy 1.26 and needs an environment of its own, about 8 GB.
$(LABEL_VENV)/ready: setup.cfg constraints-label.txt
	$(PYTHON) -m venv $(LABEL_VENV)
	SAM2_BUILD_CUDA=0 PIP_CONSTRAINT=constraints-label.txt \
	  $(LABEL_VENV)/bin/python -m pip install --quiet --editable ".[label]"
	touch $@

label-env: $(LABEL_VENV)/ready  ## set up the environment of MONAI Label

studies-given:
	@test -n "$(STUDIES)" || { echo "Error: give STUDIES=FOLDER of scans, or a DICOMweb server's address" >&2; exit 2; }

label-server: studies-given label-env  ## start MONAI Label: make label-server STUDIES=SCANS MODELS="infnet_efficientnet_lite0 MY/BUNDLE"
	$(LABEL_VENV)/bin/python workflows/label_server.py "$(STUDIES)" $(addprefix --models ,$(MODELS)) \
	  --app "$(APP)" --port $(PORT)
