PYTHON ?= python3
BIN := .venv/bin
export MPLBACKEND := Agg

.PHONY: demo test lint bundles bench

.venv/ready: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: .venv/ready  ## train on the built-in phantom in a small form, about two minutes on two cores
	$(BIN)/python -m monai.bundle run training --config_file bundles/infnet_vgg16/configs/train.json \
	  --epochs 5 --image_size "[128,128]" --batch_size 8 --learning_rate 0.0005 --pretrained false \
	  --ckpt_dir demo/models --output_dir demo/eval

test: .venv/ready  ## run the tests
	$(BIN)/python -m pytest --cov --cov-report=term --cov-fail-under=95

lint: .venv/ready  ## linters, types, doctests, bundles in step with their template
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --doctest-modules infnet_monai -q
	$(BIN)/python workflows/make_bundles.py --check

bundles: .venv/ready  ## write the bundles from their template
	$(BIN)/python workflows/make_bundles.py

bench: .venv/ready  ## measure data loading, metrics and networks
	$(BIN)/python workflows/benchmark.py data
	$(BIN)/python workflows/benchmark.py metrics
	$(BIN)/python workflows/benchmark.py model
