# Forwards to CMake and CTest, which hold the facts. CMAKE_FLAGS is passed through, e.g. make CMAKE_FLAGS=-DREGKIT_CUDA=OFF
BUILD ?= build
JOBS ?= $(shell nproc)
CMAKE_FLAGS ?=

all: configure
	cmake --build $(BUILD) -j $(JOBS)
configure:
	cmake -S . -B $(BUILD) $(CMAKE_FLAGS)
check: all
	cd $(BUILD) && ctest --output-on-failure -j $(JOBS)
clean:
	rm -rf $(BUILD) build-asan

.PHONY: all configure check clean
