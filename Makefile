# Forwards to CMake and CTest, which hold the facts. CMAKE_FLAGS is passed through: make CMAKE_FLAGS=-DREGKIT_CUDA=OFF
BUILD ?= build
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
CMAKE_FLAGS ?=
CTEST = ctest --output-on-failure -j $(JOBS)

all: configure
	cmake --build $(BUILD) -j $(JOBS)
configure: deps
	cmake -S . -B $(BUILD) -DCMAKE_INSTALL_PREFIX=$(PREFIX) $(CMAKE_FLAGS)

deps:  # packages to build with; what is there already is left alone
	tools/deps.sh build
deps-dev:  # also the programs that tests compare with
	tools/deps.sh build oracles

demo: configure  # builds the tools alone: the tests take longer
	tools/deps.sh demo
	cmake --build $(BUILD) -j $(JOBS) --target tools
	REGKIT_BIN=$(abspath $(BUILD))/bin examples/demo/demo.sh demo
DATA = ../shared/data
TIME = 15m
truth: configure  # what models say of variants and bases against what is known; see test/truth
	cmake --build $(BUILD) -j $(JOBS) --target tools random_model
	REGKIT_BIN=$(abspath $(BUILD))/bin test/truth/run.sh $(DATA) $(BUILD)/truth
model: configure  # trains the model that comes with the tools, of DATA, for TIME; see examples/models/trained
	cmake --build $(BUILD) -j $(JOBS) --target tools
	REGKIT_BIN=$(abspath $(BUILD))/bin TIME=$(TIME) examples/models/trained/train.sh $(DATA) $(BUILD)/model
check: all
	cd $(BUILD) && $(CTEST)
# The tests under the address and undefined-behaviour sanitizers, ten times as slow: one instruction set, without the emulator
# of CUDA's kernels and the long tests.
SANITIZE = -DREGKIT_SANITIZE=ON -DREGKIT_CUDA=OFF -DCMAKE_BUILD_TYPE=RelWithDebInfo
build-asan: deps
	cmake -S . -B $(BUILD)-asan $(SANITIZE) $(CMAKE_FLAGS)
	cmake --build $(BUILD)-asan -j $(JOBS)
asan: build-asan
	cd $(BUILD)-asan && $(CTEST) --label-exclude 'plain|long'
slow: all  # the long form of every test, plain and sanitized, and the round trip over DIR: an hour or more
	cd $(BUILD) && REGKIT_SLOW=1 $(CTEST)
	cmake -S . -B $(BUILD)-slow $(SANITIZE) -DREGKIT_SLOW=ON $(CMAKE_FLAGS)
	cmake --build $(BUILD)-slow -j $(JOBS)
	cd $(BUILD)-slow && REGKIT_SLOW=1 $(CTEST) --label-exclude plain
	$(MAKE) faults kill fuzz
	$(if $(DIR),$(MAKE) roundtrip)
SECONDS = 60
fuzz:  # the parsers, under libFuzzer and the sanitizers: SECONDS a target
	tools/deps.sh build fuzz
	JOBS=$(JOBS) test/fuzz/fuzz.sh $(BUILD)-fuzz $(SECONDS)
POINTS = 5000
KILLS = 300
faults: all  # the tools when a call to the system fails: POINTS times
	REGKIT_BIN=$(abspath $(BUILD))/bin test/faults/faults.py $(BUILD)/libfaults_shim.so $(POINTS)
kill: all  # the tools when they are killed: KILLS times
	REGKIT_BIN=$(abspath $(BUILD))/bin test/kill.py $(BUILD)/libfaults_shim.so $(KILLS)
roundtrip: all  # regsnp over every VCF and BCF file below DIR
	REGKIT_BIN=$(abspath $(BUILD))/bin test/corpus/roundtrip.py $(DIR)
bench:  # speed, beside PyTorch and oneDNN; see test/bench/bench.py
	tools/deps.sh build bench
	$(MAKE) configure
	cmake --build $(BUILD) -j $(JOBS) --target bench
neon: configure  # the tests of the CPU's kernels on ARM, emulated
	tools/deps.sh neon
	JOBS=$(JOBS) cmake --build $(BUILD) --target neon
avx512: all  # and on AVX-512 and AVX512_BF16, emulated: half an hour
	tools/deps.sh avx512
	JOBS=$(JOBS) test/isa/avx512.sh $(BUILD)/isa/avx512 $(BUILD)/bin/test_kernels
install: configure  # what it installs is built first, without the tests; honours DESTDIR
	cmake --build $(BUILD) -j $(JOBS) --target installed
	cmake --install $(BUILD) --prefix $(PREFIX)
man: all  # the OPTIONS sections of the man pages, from the tools' option tables
	cmake --build $(BUILD) --target man
format:  # the code, as .clang-format has it
	tools/deps.sh oracles
	test/format.sh --fix
clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-fuzz $(BUILD)-slow

.PHONY: all configure deps deps-dev demo model truth check build-asan asan slow fuzz faults kill roundtrip bench neon avx512 install man format clean
