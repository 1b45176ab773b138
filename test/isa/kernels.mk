# The tests of the CPU's kernels, compiled for another processor with one instruction set that Highway knows.
# CXX and OUT (a folder) are set by neon.sh; OUT/../sources and OUT/../flags are written by CMakeLists.txt.
# Optimised as in regkit where the vectors are; elsewhere it is compilation that takes the time.
sources := $(filter-out test/emulator/% %/cuda_backends.cpp,$(filter %.cpp,$(subst $(CURDIR)/,,$(file < $(OUT)/../sources)))) \
    test/isa/cpu_only.cpp test/isa/one_target.cpp
objects := $(foreach source,$(sources),$(OUT)/$(subst /,_,$(source)).o)

$(OUT)/test_kernels: $(objects)
	$(CXX) -pthread $^ -o $@

define object
$(OUT)/$(subst /,_,$(1)).o: $(1)
	$(CXX) -std=c++20 $(if $(findstring kernels/cpu/,$(1)),-O3,-O1) -Wall -Wextra -Wconversion -Werror -Wno-restrict \
	    -ffp-contract=off @$(OUT)/../flags -I. -Isrc -MMD -MP -c $$< -o $$@
endef
$(foreach source,$(sources),$(eval $(call object,$(source))))
-include $(objects:.o=.d)
