# Shoal's commands. Each one that compiles sets up what it needs; `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Where scripts/setup says how pkg-config finds libdatachannel, when it may not say so system-wide.
environment := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/shoal/env
ready := scripts/setup; [ ! -r "$(environment)" ] || source "$(environment)";
sources := $(wildcard Package.swift Sources Tests Fuzzing Benchmarks Examples)

.PHONY: help run test build bench sim soak fuzz sanitize format lint clean

help: ## list these commands
	@awk -F ": ## " '/^[a-z]+: ## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## publish, track and fetch a real model between processes of this machine
	@$(ready) scripts/run-demo

test: ## run all tests
	@$(ready) scripts/test

build: ## build the program: .build/release/shoal
	@$(ready) swift build -c release --product shoal

bench: ## measure, each figure beside its limit: three minutes
	@$(ready) swift build -c release --product shoal && swift build -c release --product shoal-bench
	@.build/release/shoal-bench first-light; echo
	@.build/release/shoal-bench first-light --lane direct; echo
	@.build/release/shoal-bench publish --megabytes 2000; echo
	@.build/release/shoal-bench start; echo
	@.build/release/shoal-bench cache

sim: ## run simulated swarms: every scenario, and a thousand nodes
	@$(ready) scripts/simulate

soak: ## run swarms of real processes for a long time
	@$(ready) scripts/soak

fuzz: ## run the fuzz targets on their saved inputs and beyond
	@$(ready) scripts/fuzz $(or $(SECONDS_EACH),10)

sanitize: ## run all tests with the address sanitizer, then with the thread sanitizer
	@$(ready) scripts/sanitize

format: ## put the sources into the project's format
	@swift format -i -r $(sources)

lint: ## check format, imports and layers
	@swift format lint --strict -r $(sources)
	@scripts/check-imports

clean: ## delete what was built, not what was downloaded
	@rm -rf .build .build-*
