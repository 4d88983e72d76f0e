# What a person types; each is a line or two over cmake/setup.sh, the CMake presets and Node scripts.

targets = native wasi browser
presets = $(targets)

help:
	@echo "make demo    count words in real text on all three targets; INPUT=\"a.txt b.txt\" for your own"
	@echo "make test    run every test on every target"
	@echo "make bench   measure against pthreads and other libraries; ROUNDS=7, FILTER=mutex, PROGRAMS=portalis,glib"
	@echo "make check   the sanitizers, the simulator, warnings as errors with gcc and clang, and the format"
	@echo "make mutants break the library in each place that matters, and see the simulator find it; FILTER=rwlock"
	@echo "make doctor  say which tools are used, and what is missing"
	@echo "make setup   install what is missing, which the above do by themselves"
	@echo "make format  format all C sources;   make clean  remove build/"

setup:
	@cmake/setup.sh

doctor:
	@cmake/setup.sh doctor

demo: build
	@node examples/wordcount/demo.mjs $(INPUT)

test: build
	@node tests/run.mjs $(targets)

# Peers that cannot be installed are left out.
bench:
	@cmake/setup.sh bench || echo "bench: goes on without what is missing" >&2
	@$(MAKE) --no-print-directory build
	@node bench/run.mjs --targets native,wasi,browser $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(FILTER),--filter $(FILTER)) $(if $(PROGRAMS),--programs $(PROGRAMS))

build:
	@cmake/setup.sh $(targets)
	@node cmake/build.mjs $(presets)

check:
	@cmake/setup.sh checks
	@cmake/check.sh

# Takes a quarter of an hour.
mutants:
	@cmake/setup.sh checks
	@node tests/mutants/run.mjs $(if $(FILTER),--filter "$(FILTER)")

sources = git ls-files '*.c' '*.h' '*.cpp'

format:
	@clang-format -i $$($(sources))

clean:
	@rm -rf build

.PHONY: help setup doctor demo test bench build check mutants format clean
