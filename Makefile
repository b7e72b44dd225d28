# `make` lists the targets. Everything runs from a fresh clone: tools/environment.py creates .venv and installs
# what is missing, once. Variables: PYTHON (3.10 to 3.13), CXX, JOBS, ARGS (for pytest), NARRATRACE_APT=no.
PYTHON ?= python3
JOBS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); [ $$n -gt 4 ] && echo 4 || echo $$n)
ARGS ?=
DEMO_OUT ?= demo-out

BIN := .venv/bin
SETUP := $(PYTHON) tools/environment.py

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' Makefile | awk -F'|' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: ## set up, process the bundled recording, write its report
demo-speech: ## the same, but its words heard by the tests' own small Whisper
demo-speech: DEMO_ARGS := --asr whisper:tests/fixtures/whisper

demo demo-speech:
	@$(SETUP) $(@:demo-%=%)
	@rm -rf $(DEMO_OUT)
	$(BIN)/narratrace process examples/v01.mp4 -o $(DEMO_OUT) $(DEMO_ARGS)
	$(BIN)/narratrace report $(DEMO_OUT) -o $(DEMO_OUT)/report.html
	@echo "The report: $(abspath $(DEMO_OUT))/report.html"

test: test-setup ## set up, run all tests (ARGS="tests/decode -x")
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -rs $(ARGS)

test-setup:
	@$(SETUP) test

lint: test-setup ## ruff: faults, style, format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: test-setup ## mypy, strict
	$(BIN)/mypy

stub: test-setup ## write the native module's stub
	$(BIN)/python tools/stub.py

stub-check: test-setup ## check that the native module's stub is current
	$(BIN)/python tools/stub.py --check

bench: ## speed and accuracy, as a table and JSON
	@$(SETUP) bench
	$(BIN)/python -m benchmarks $(ARGS)

# C++ tests, and the native module's Python tests, under AddressSanitizer and UndefinedBehaviorSanitizer.
# The module is built aside: the one in use stays as it is.
SANITIZERS := address,undefined
SAN := build/sanitize
SAN_FLAGS := -std=c++20 -O1 -g -fsanitize=$(SANITIZERS) -fno-sanitize-recover=all -fno-omit-frame-pointer \
	-Wall -Wextra -Wconversion -Wno-sign-conversion -Icsrc -MMD -MP $(CXXFLAGS)
SAN_SOURCES := $(filter-out csrc/bindings.cpp,$(wildcard csrc/*.cpp)) $(wildcard csrc/tests/*.cpp)
SAN_OBJECTS := $(SAN_SOURCES:%.cpp=$(SAN)/%.o)

sanitize: sanitize-cpp sanitize-python ## C++ tests and the native module's tests under ASan and UBSan

sanitize-cpp: ## C++ tests under ASan and UBSan
	@$(MAKE) --no-print-directory -j$(JOBS) $(SAN)/tests
	$(SAN)/tests

$(SAN)/tests: $(SAN_OBJECTS)
	$(CXX) -fsanitize=$(SANITIZERS) $^ -o $@

$(SAN)/%.o: %.cpp
	@mkdir -p $(@D)
	$(CXX) $(SAN_FLAGS) -c $< -o $@

-include $(SAN_OBJECTS:.o=.d)

sanitize-python: test-setup
	@rm -rf $(SAN)/python
	NARRATRACE_SANITIZE=$(SANITIZERS) $(BIN)/pip install -q --no-deps --target $(SAN)/python .
	PYTHONPATH=$(SAN)/python ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libubsan.so)" \
	$(BIN)/python -m pytest tests/native -p no:cacheprovider

check: lint types stub-check sanitize test ## everything but the benchmarks

clean: ## remove what was built, but not .venv
	rm -rf build dist $(DEMO_OUT) .pytest_cache .mypy_cache .ruff_cache .hypothesis src/*.egg-info

.PHONY: help demo demo-speech test test-setup lint types stub stub-check bench sanitize sanitize-cpp sanitize-python check clean
