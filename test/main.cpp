// doctest's main for every test program. No test executed is a failure, not a pass.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

int main(int argc, char** argv) {
    doctest::Context context(argc, argv);
    context.setOption("no-path-filenames", true);
    return context.run();
}
