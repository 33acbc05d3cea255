# Two commands: `make demo` and `make test`. Everything is installed into .venv, once.
.POSIX:

PYTHON = python3
VENV = .venv
RUN = $(VENV)/bin/python
READY = $(VENV)/.installed
OUTPUTS = outputs/demo
PROMPT = a red sphere on a wooden floor
DEPTH_PROMPT = a red sphere left of a yellow cylinder on a wooden floor
SCENE = docs/scene.png
# The embedded model is small: few steps serve its pictures as well.
INVERSION = --ddim_steps 20 --inner_steps 3
METRICS = outputs/metrics
SHARE = --devices 2 --device cpu
FORMATS = --format sbs --format left --format right --format disparity --format anaglyph \
	--format overview

.PHONY: help setup demo metrics test test-slow test-browser test-gpu lint clean

help:
	@echo "make demo       three workflows on the embedded model, into $(OUTPUTS)/"
	@echo "make metrics    methods and presets on 24 scenes, tables into $(METRICS)/"
	@echo "make test       ruff, mypy and all quick tests"
	@echo "make test-slow  tests of minutes, and of full-size models"
	@echo "make test-browser  viewer and page in a headless Chromium, which must be installed"
	@echo "make test-gpu   tests that need a CUDA device"
	@echo "make lint       ruff and mypy alone"
	@echo "make clean      remove caches and outputs (.venv stays)"

setup: $(READY)

$(READY): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	{ echo "Python 3.10 or newer is needed; try: make PYTHON=python3.12" >&2; exit 1; }
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --disable-pip-version-check --quiet --requirement requirements-dev.txt
	touch $(READY)

demo: $(READY)
	@echo "1/3 text to stereo: $(PROMPT)"
	@$(RUN) txt2stereoimg.py --prompt "$(PROMPT)" --outdir $(OUTPUTS)/text $(FORMATS)
	@echo "2/3 depth to stereo: $(DEPTH_PROMPT), under the depth of $(SCENE)"
	@$(RUN) depth2stereoimg.py --prompt "$(DEPTH_PROMPT)" --init_img $(SCENE) \
		--outdir $(OUTPUTS)/depth $(FORMATS)
	@echo "3/3 picture to stereo: $(SCENE)"
	@$(RUN) img2stereo.py --img_path $(SCENE) $(INVERSION) --outdir $(OUTPUTS)/image $(FORMATS)
	@echo "beside each: left, right, disparity, red-cyan anaglyph and a JSON file of the settings"

metrics: $(READY)
	@$(RUN) evaluate.py --config configs/eval/shapes.yaml --out $(METRICS) $(SHARE)
	@echo "beside the table: LaTeX, CSV and JSON, and a contact sheet for every scene and method"

test: lint
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n auto --dist worksteal

test-slow: $(READY)
	$(RUN) -m pytest -m "slow and not gpu"

test-browser: $(READY)
	$(RUN) -m pip install --disable-pip-version-check --quiet --requirement requirements-app.txt \
		playwright
	$(RUN) -m pytest -m "not gpu" tests/stereo/formats/viewer tests/stereo/app

test-gpu: $(READY)
	$(RUN) -m pytest -m gpu

lint: $(READY)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

clean:
	rm -rf outputs .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -not -path "./$(VENV)/*" -exec rm -rf {} +
