#!/usr/bin/env python3
"""No kernel of the CUDA plug-in spills registers: spills.py BUILD. ptxas warns of every spill, for each architecture that
the plug-in has code for, and REGKIT_WERROR makes that an error, so a plug-in that was built so has none. This holds the
compiler's commands to it, and shows on a planted kernel that a spill is noticed.

Nor does any wait for wgmma where its source does not: ptxas puts waits where it can't follow the registers, and says so in
passing. The sources that use it are compiled once more to hear it (minutes: with REGKIT_SLOW alone), and again a planted
kernel shows that it is heard."""
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

VALUES = 300  # kept at once by the planted kernel; a thread has 255 registers
HOPPER = "sm_90a"
KNOWN = ("sm_80", HOPPER)
GUARD = "-Xptxas=--warn-on-spills"


SERIALISED = """
#include "kernels/cuda/hopper.hpp"
using namespace regkit::cuda;
__global__ void serialised(float* x, int n) {
    if constexpr (kHasHopper) {
        Sums<8> sums = {};
        LeftPart a = {1, 2, 3, 4};
        const Bf16* const rows = reinterpret_cast<const Bf16*>(swizzle_shared());
        begin_products(a, sums);
        for (int k = 0; k < n; ++k) {
            multiply_add_async(sums, a, operand(rows, k));
            sums[0][0] += 1;
        }
        commit_products();
        wait_products(a, sums);
        for (int i = 0; i < 32; ++i) x[i] = sums[i / 4][i % 4];
    }
}
"""


def planted(values):
    return f"""
__global__ void planted(float* x, int n) {{
    float v[{values}];
    #pragma unroll
    for (int i = 0; i < {values}; ++i) v[i] = x[i * 32 + threadIdx.x];
    for (int k = 0; k < n; ++k) {{
        #pragma unroll
        for (int i = 0; i < {values}; ++i) v[i] = v[i] * v[(i * 7 + 3) % {values}] + 1.0f;
    }}
    #pragma unroll
    for (int i = 0; i < {values}; ++i) x[i * 32 + threadIdx.x] = v[i];
}}
"""


def commands(build):
    """Words of the command for each source of the plug-in; they are for the folder that the build runs them in."""
    with open(os.path.join(build, "compile_commands.json")) as file:
        entries = [entry for entry in json.load(file) if entry["file"].endswith(".cu")]
    if entries:
        os.chdir(entries[0]["directory"])
    return {entry["file"]: shlex.split(entry["command"]) for entry in entries}


def compile_as(words, source, architecture, text):
    """Compiles the text as `source` is compiled; the exit code and what was said."""
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "planted.cu")
        with open(path, "w") as file:
            file.write(text)
        kept, skip = [], False
        for word in words:
            if skip or word in ("-c", "-x", "cu", source) or word.startswith("--generate-code"):
                skip = False
            elif word in ("-o", "-MF", "-MT"):
                skip = True
            elif word != "-MD":
                kept.append(word)
        if os.path.basename(kept[0]) == "ccache":
            del kept[0]
        if "--Werror=all-warnings" not in kept:
            kept.append("--Werror=all-warnings")
        kept += [f"-arch={architecture}", "-cubin", path, "-o", os.path.join(scratch, "planted.cubin")]
        done = subprocess.run(kept, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


def check_products(found):
    """How many sources use wgmma; none of them is made to wait."""
    users = {}
    for source, words in found.items():
        with open(source) as file:
            text = file.read()
        if "begin_products(" in text:
            users[source] = words, text
    assert users, "no source uses wgmma"
    for source, (words, text) in users.items():
        code, said = compile_as(words, source, HOPPER, text)
        # Nor are registers left where they are, for which there would be other room.
        assert code == 0 and "GMMA" not in said.upper() and "setmaxnreg" not in said, f"{source}: {said}"
    code, said = compile_as(words, source, HOPPER, SERIALISED)
    assert code == 0 and "GMMA" in said.upper(), f"nothing is said of products that wait: {said}"
    return len(users)


def main():
    build = sys.argv[1]
    found = commands(build)
    if not found:
        print("SKIPPED: this build has no CUDA plug-in")
        return 77
    compiled_for = [{a for a in KNOWN if re.search(rf"code=\[?[\w,]*{a}\b", " ".join(words))} for words in found.values()]
    architectures = sorted(compiled_for[0])
    assert HOPPER in architectures, f"the kernels of {HOPPER} are not compiled (REGKIT_CUDA_ARCHITECTURES)"
    for (source, words), its in zip(found.items(), compiled_for):
        assert GUARD in words, f"{source} is compiled without {GUARD}"
        assert sorted(its) == architectures, f"{source} is compiled for {sorted(its)}, others for {architectures}"
    source, words = next(iter(found.items()))
    for architecture in architectures:
        code, said = compile_as(words, source, architecture, planted(VALUES))
        assert code != 0 and "spilled to local memory" in said, f"{architecture}: a spill went unnoticed: {said}"
        code, said = compile_as(words, source, architecture, planted(8))
        assert code == 0, f"{architecture}: a kernel without spills is refused: {said}"
    is_error = all("--Werror=all-warnings" in words for words in found.values())
    print(f"{len(found)} sources of kernels, {' and '.join(architectures)}: a spill is "
          + ("an error" if is_error else "a warning (an error with REGKIT_WERROR)"))
    if "REGKIT_SLOW" in os.environ:
        print(f"{check_products(found)} sources of wgmma: none waits without a word")
    return 0


sys.exit(main())
