# The two commands that matter: `make demo` and `make test`. Each installs what it lacks.

SHELL := /bin/bash
VENV := .venv
CARGO ?= cargo

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench fuzz crash storm mutate setup docs grafana clean

help: ## Say what there is to make.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: ## Run Tollgate with simulated vendors: no keys, no services.
	@scripts/setup build
	$(CARGO) run --locked --quiet -- demo

test: ## Build and pass every test.
	@scripts/setup build test
	scripts/test

lint: ## Formatting, clippy, licences and advisories of dependencies.
	@scripts/setup build lint
	scripts/lint

bench: ## Measure against a bare Pingora pass-through; writes benches/RESULTS.md.
	@scripts/setup build
	$(CARGO) build --locked --release -p tollgate -p tollgate-bench
	target/release/bench --write benches/RESULTS.md --date "$$(date +%F)"

fuzz: ## Fuzz what reads strangers' bytes, each target for 30 seconds. TOLLGATE_FUZZ_SECONDS asks for more.
	@scripts/setup build
	scripts/fuzz $${TOLLGATE_FUZZ_SECONDS:-30}

crash: ## 200 crashes under load: what was answered is on record. TOLLGATE_CRASH_ROUNDS asks for more.
	@scripts/setup build test
	TOLLGATE_CRASH_ROUNDS=$${TOLLGATE_CRASH_ROUNDS:-200} $(CARGO) test --locked -p tollgate --test it -- crash:: --nocapture

storm: ## Live storms over three nodes, PostgreSQL and Redis: no budget is overrun. Ends with a line of JSON.
	@scripts/setup build test
	@mkdir -p target
	TOLLGATE_STORM=full $(CARGO) test --locked -p tollgate --test it -- storm:: --nocapture >target/storm.log 2>&1 \
		|| { cat target/storm.log; exit 1; }
	@grep -E '^(hard storm|storm of agents)' target/storm.log
	@grep '^{' target/storm.log | tail -n 1

mutate: ## 10,000 changes of an audit log: the auditor's own verifier finds every one.
	@scripts/setup test
	.venv/bin/python tests/audit/mutate.py --count 10000

docs: ## Write what is generated: schemas, configuration reference, error reference, dashboards.
	UPDATE=1 $(CARGO) test --locked -p tollgate-conf -p tollgate-vendors -p tollgate current
	python3 grafana/generate.py
