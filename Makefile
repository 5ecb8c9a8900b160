# Each target sets up what it needs by itself, in a virtual environment in .venv.
#
#   make lab         JupyterLab on the first lesson
#   make test        everything CI asks for (lint, test-unit, test-notebooks, test-browser, test-site are its
#                    stages); at its end the seconds of each, and what was left out
#   make notebooks   both editions from the lessons' sources
#   make site        the lessons as pages, results and explorers included, in build/site/html
#   make present     a lesson as a presentation (LESSON=09); make slides: the same to print
#   make assignment  a lesson's exercises for Otter-Grader (LESSON=05), in build/assignment
#   make release     wheel and source archive, tried in an empty environment, in build/release
#   make bench       speed, as tables (ONLY=name for one of them)
#
# PYTHON=python3.13 chooses another interpreter, CONSTRAINTS=/dev/null takes the newest versions.

PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
PORT ?= 8888
BIN := $(VENV)/bin
FIRST := course/student/00_start_here.ipynb
LESSON ?= 00
export CELL_TIMEOUT ?= 600
# torch by itself and first: what depends on it then finds it there and pulls no other build.
TORCH := $(or $(shell sed -n '/^torch==/p' $(CONSTRAINTS)),torch)
# Without a display no browser can open, and Jupyter prints its address instead; root needs a flag.
LAB_FLAGS := $(if $(or $(DISPLAY),$(WAYLAND_DISPLAY),$(filter Darwin,$(shell uname))),,--no-browser) \
             $(if $(filter 0,$(shell id -u)),--allow-root)
# Two workers, one thread each: two notebooks side by side do not fight for the cores. In the order of their names: sorted by
# their numbers of tests, the few long ones would come last, and one worker would wait for the other.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q
WORKERS := -n 2 --dist loadscope --no-loadscope-reorder
# Much of the time is waiting for a browser or a JupyterLab: a third worker, and who is done takes over from the others.
BROWSING := --dist worksteal -n 3
WORKSHOP := $(BIN)/python -m course.workshop
# By another name, for `make -n test` runs every line that has its own.
CALL := $(MAKE)

.PHONY: lab test lint test-unit test-fast test-oldest test-notebooks test-browser test-site notebooks site present slides assignment \
        release bench clean

lab: $(VENV)/.course
	$(BIN)/jupyter lab $(LAB_FLAGS) --port=$(PORT) --ServerApp.root_dir="$(CURDIR)" \
	    --LabApp.default_url=/lab/tree/$(FIRST)

test: $(VENV)/.test $(VENV)/.site
	$(WORKSHOP).stages --make="$(CALL)" lint test-unit test-notebooks test-browser test-site

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	@if grep -qF '[tool.importlinter]' pyproject.toml; then $(BIN)/lint-imports; fi
	@if command -v lychee >/dev/null; then \
	    lychee --offline --include-fragments --no-progress README.md CONTRIBUTING.md docs/*.md \
	        $$(find build/site/html -name '*.html' 2>/dev/null); \
	else $(WORKSHOP).stages --note "anchors in README, CONTRIBUTING and docs: lychee is not installed"; fi

test-unit: $(VENV)/.test $(VENV)/.site
	$(PYTEST) $(WORKERS) -m "not browser and not site"

# What computes, without what installs, serves or waits: also run by .ci/run as an older processor.
FAST := $(addprefix tests/test_,seams.py neural_gpu.py cells.py ntm.py tasks.py trace.py train.py recipes.py \
        baselines.py images.py data.py quantise.py local_rules.py pretrained.py plots.py checks.py mutations.py \
        devices.py evaluate_mistakes.py push.py lesson08_09.py widgets.py bad_input.py)
test-fast: $(VENV)/.test
	$(PYTEST) $(WORKERS) $(wildcard $(FAST)) ngpu_lib

# The lower bounds of pyproject.toml are promises: the library with exactly those, and its unit tests.
OLDEST = $(shell sed -n -e '/^dependencies = /,/^]/s/^ *"\(.*\)>=\(.*\)",$$/\1==\2/p' \
    -e 's/^reward = \["\(.*\)>=\(.*\)"\]$$/\1==\2/p' pyproject.toml)
test-oldest: pyproject.toml
	test -x $(VENV)-oldest/bin/python || $(PYTHON) -m venv $(VENV)-oldest
	$(VENV)-oldest/bin/python -m pip install -q $(filter torch==%,$(OLDEST)) $(filter numpy==%,$(OLDEST))
	$(VENV)-oldest/bin/python -m pip install -q $(OLDEST) hypothesis jupytext nbformat optuna pytest pyyaml
	OMP_NUM_THREADS=1 $(VENV)-oldest/bin/python -m pytest -q $(filter-out %/test_checks.py %/test_mutations.py,$(wildcard $(FAST))) ngpu_lib

test-notebooks: $(VENV)/.test $(VENV)/.site
	$(PYTEST) $(WORKERS) --nbval-lax --nbval-current-env --nbval-cell-timeout=$(CELL_TIMEOUT) \
	    course/student course/instructor

test-browser: $(VENV)/.test
	$(WORKSHOP).browser
	$(PYTEST) $(BROWSING) -m "browser and not site" tests

test-site: $(VENV)/.test $(VENV)/.site
	$(WORKSHOP).browser
	$(WORKSHOP).execution $(if $(NGPU_AS_IS),--as-is) $(NGPU_LESSONS)
	$(PYTEST) $(BROWSING) -m site $(addprefix tests/test_,page.py present.py site.py)

notebooks: $(VENV)/.course
	$(WORKSHOP).editions

site: $(VENV)/.site
	$(WORKSHOP).site

present: $(VENV)/.site
	$(WORKSHOP).present $(LESSON) $(LAB_FLAGS) --port=$(PORT)

slides: $(VENV)/.site
	$(WORKSHOP).slides $(LESSON)

assignment: $(VENV)/.grading
	$(WORKSHOP).assignment $(LESSON)

release: $(VENV)/.release
	$(WORKSHOP).release

bench: $(VENV)/.test
	$(BIN)/python -m tests.bench $(ONLY)

clean:
	rm -rf $(VENV) $(VENV)-oldest build

# Stamps: an environment is installed once, and again when what it is made from has changed.
$(VENV)/.course: pyproject.toml $(filter-out /dev/null,$(CONSTRAINTS))
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	    "$(PYTHON) is Python %d.%d; the course needs 3.11 or newer: make PYTHON=python3.12" % sys.version_info[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q "$(TORCH)"
	$(BIN)/python -m pip install -q -c $(CONSTRAINTS) -e ".[course]"
	$(BIN)/jupytext-config --settings-file $(VENV)/etc/jupyter/labconfig/default_setting_overrides.json \
	    set-default-viewer python
	@# No question about Jupyter's news over the first lesson.
	$(BIN)/jupyter labextension disable --level=sys_prefix "@jupyterlab/apputils-extension:announcements" 2>/dev/null
	@touch $@

$(VENV)/.%: $(VENV)/.course
	$(BIN)/python -m pip install -q -c $(CONSTRAINTS) -e ".[$*]"
	@touch $@
