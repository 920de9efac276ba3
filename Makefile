# What a person types. Every path is relative, so a clone may lie anywhere; nothing needs root.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install rehearse test nightly lint tools init up up-local preview reviewed drift drift-azure drift-database snapshot dump drill docs requirements clean

STACK ?= prod
AGAINST ?= main
VENV := .venv
BIN := $(VENV)/bin
# The first that runs and is new enough; `make PYTHON=/path/to/python test` chooses another.
ifndef PYTHON
PYTHON := $(shell for python in python3.11 python3.12 python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$python"; break; }; done)
endif
# --no-compile: the provider's SDK has thousands of modules, and the few that are used compile at first import.
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet --no-compile --no-deps
LOCKED := $(PIP) --require-hashes --only-binary :all:

help:  ## this list
	@echo 'agent-memory: the memory of AI agents in Azure Database for PostgreSQL, as code'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/  make \1	\2/p' Makefile | expand -t 24

install: $(VENV)/.runtime  ## what the commands need, into .venv, once

rehearse: $(VENV)/.runtime  ## live through an environment on this machine, without an Azure account (STACK=prod)
	@$(BIN)/agentmem rehearse --stack $(STACK)

test: lint  ## lint, types, and the whole suite, with real PostgreSQL servers
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

nightly: $(VENV)/.dev  ## every fault at every write of an up, and more kills of the engine: an hour (AGENTMEM_SEED=N repeats one)
	@AGENTMEM_NIGHTLY=1 $(BIN)/python -m pytest -n 2 --dist load -rA tests/engine/test_faults.py tests/engine/test_kills.py tests/live/test_transfer_kills.py

lint: $(VENV)/.dev  ## style, types and fences, in seconds
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/python -m pytest -q tests/house/test_arrows.py tests/house/test_shape.py

tools: $(VENV)/.runtime  ## a Pulumi engine, an Azure CLI, Checkov, Azurite and actionlint into .tools/bin, for tests and trials; once, unless installed
	@tools/pulumi-cli/build.sh "$$PWD/$(BIN)/python"
	@tools/azure-cli/install.sh "$$PWD/$(BIN)/python"
	@tools/checkov/install.sh "$$PWD/$(BIN)/python"
	@tools/azurite/install.sh "$$PWD/$(BIN)/python"
	@tools/actionlint/build.sh "$$PWD/$(BIN)/python"

init: $(VENV)/.runtime  ## make a stack ready for its first up: your own server name, a password that nobody sees (STACK=prod)
	@$(BIN)/agentmem init --stack $(STACK)

up: $(VENV)/.runtime  ## doctor, check, preview, pulumi up, wait for the standby, post-provision (STACK=prod)
	@PATH="$$PWD/$(BIN):$$PATH" $(BIN)/agentmem up --stack $(STACK)

up-local: $(VENV)/.runtime  ## the same against the local Azure, with nothing real behind it (STACK=prod)
	@$(BIN)/agentmem local-azure run -- agentmem up --stack $(STACK) --yes

# What the workflows of .github and docs/azure-pipelines do, for those who have neither.
preview: $(VENV)/.runtime  ## the comment of a pull request: what this tree changes in all stacks (AGAINST=main)
	@code=0; $(BIN)/agentmem preview --all --against "$(AGAINST)" --format markdown --output build/preview/comment.md || code=$$?; \
		if [ -s build/preview/comment.md ]; then cat build/preview/comment.md; fi; exit $$code

reviewed: $(VENV)/.runtime  ## refuse what is not what was reviewed (STACK=prod HASH=plan_hash of agentmem preview --json)
	@$(BIN)/agentmem reviewed --stack $(STACK) --hash "$(HASH)"

drift:  ## what is no longer as declared, in Azure and in the database (STACK=prod)
	@$(MAKE) --no-print-directory --keep-going drift-azure drift-database

drift-azure: $(VENV)/.runtime  ## the half of it in Azure, by a refreshed preview
	@mkdir -p build/drift && rm -f build/drift/$(STACK).json build/drift/$(STACK).md
	@PATH="$$PWD/.tools/bin:$$PWD/$(BIN):$$PATH" pulumi preview --stack $(STACK) --refresh --non-interactive --json >build/drift/$(STACK).json
	@$(BIN)/agentmem preview --stack $(STACK) --engine-preview build/drift/$(STACK).json --format markdown --output build/drift/$(STACK).md \
		&& cat build/drift/$(STACK).md || { code=$$?; cat build/drift/$(STACK).md; exit $$code; }

drift-database: $(VENV)/.runtime  ## the half of it in the database
	@code=0; $(BIN)/agentmem drift --stack $(STACK) || code=$$?; \
		$(BIN)/agentmem indexes status --stack $(STACK) || code=$$?; exit $$code

snapshot: $(VENV)/.runtime  ## take the copy that fits the tier, and prove it (STACK=prod REASON="before 0042")
	@$(BIN)/agentmem snapshot create --stack $(STACK) --reason "$(REASON)"

# Where portable copies lie; LEDGER is where the ledger lies that knows them, without it in this folder.
PLACE = $(or $(TO),$(error say where the copies lie: make $@ STACK=$(STACK) TO=FOLDER, or TO=https://ACCOUNT.blob.core.windows.net/CONTAINER))

dump: $(VENV)/.runtime  ## write a portable copy of the database; PRUNE=1 deletes those beyond the contract (STACK=prod TO=copies)
	@mkdir -p build/dump && rm -f build/dump/$(STACK).txt
	@code=0; $(BIN)/agentmem dump --stack $(STACK) --to "$(PLACE)" $(if $(PRUNE),--prune) $(if $(LEDGER),--ledger "$(LEDGER)") \
			>build/dump/$(STACK).txt || code=$$?; \
		cat build/dump/$(STACK).txt; exit $$code

drill: $(VENV)/.runtime  ## restore the newest of those copies into a PostgreSQL of its own, and compare (STACK=prod TO=copies)
	@mkdir -p build/drill && rm -f build/drill/$(STACK).json build/drill/$(STACK).md
	@code=0; $(BIN)/agentmem verify "$(PLACE)" --stack $(STACK) --restore --json $(if $(LEDGER),--ledger "$(LEDGER)") \
			>build/drill/$(STACK).json || code=$$?; \
		$(BIN)/python tools/drill/report.py build/drill/$(STACK).json build/drill/$(STACK).md || code=$$?; \
		cat build/drill/$(STACK).md; exit $$code

docs: $(VENV)/.dev  ## write the generated parts of README.md and docs/reference
	@$(BIN)/python -m scripts.generate_docs

requirements: $(VENV)/.dev  ## pin requirements*.txt anew, with hashes
	@for name in requirements requirements-dev tools/azure-cli/requirements tools/checkov/requirements; do \
		CUSTOM_COMPILE_COMMAND='make requirements' $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras \
			--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options --no-header \
			--output-file "$$name.txt" "$$name.in" || exit 1; done

clean:  ## remove what was built and installed here, also the local Azure
	rm -rf $(VENV) build dist .local-azure .tools .pytest_cache .mypy_cache .ruff_cache .hypothesis agent_memory.egg-info
	find infra scripts tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written last. An install that was killed leaves `.unfinished` or no stamp at all: the next one begins anew.
$(VENV)/.runtime: requirements.txt requirements-policy.txt pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'make: needs Python 3.11 or newer$(if $(PYTHON),; $(PYTHON) is older or does not run)' >&2; \
		echo 'hint: install it, or name one: make PYTHON=/path/to/python3.11 ...' >&2; exit 1; }
	@if [ ! -e $@ ] || [ -e $(VENV)/.unfinished ]; then \
		echo 'installing into $(VENV), once' >&2; "$(PYTHON)" -m venv --clear $(VENV); fi
	@touch $(VENV)/.unfinished
	@$(LOCKED) --requirement requirements.txt --requirement requirements-policy.txt
	@$(PIP) --no-build-isolation --no-index --editable .
	@rm $(VENV)/.unfinished
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.txt
	@touch $(VENV)/.unfinished
	@$(LOCKED) --requirement requirements-dev.txt
	@rm $(VENV)/.unfinished
	@touch $@
