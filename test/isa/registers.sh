#!/usr/bin/env bash
# The register tiles lie in registers: in the machine code of the compiled tiles (functions of TileArgs and OuterArgs) no vector
# goes through the stack in an innermost loop, of the tiles in f32 and in pairs of bf16 (AVX512_BF16) nowhere, and the loops of
# the largest tiles are there, each with the multiply-adds of all the rows that pass in one turn. This reads code, so that it
# holds for AVX-512 on a machine without it. Of the products that unpack bf16 (Bf16) only the largest tiles are held to it, which
# do nearly all the work: unpacking takes registers too, and g++ gives some of the smaller a place on the stack.
# Usage: registers.sh LIBRARY (Release, x86-64)
set -euo pipefail
export LC_ALL=C
command -v objdump > /dev/null || { echo "SKIPPED: no objdump (Debian: binutils)"; exit 77; }

objdump -d -C --no-show-raw-insn "$1" | awk '
    # N_AVX2::block<Bf16, 4, true> of a symbol.
    function short(symbol) {
        sub(/^[0-9a-f]+ </, "", symbol)
        gsub(/\(anonymous namespace\)::|regkit::cpu::/, "", symbol)
        sub(/\(.*/, "", symbol)
        sub(/^void /, "", symbol)
        sub(/<N_AVX[23]::/, "<", symbol)
        return symbol
    }
    /^[0-9a-f]+ <.*>:$/ {
        kernel = /regkit::cpu::N_AVX[23]::/ && /(Tile|Outer)Args const&/
        name = short($0)
        vector = name ~ /N_AVX3/ ? "%zmm" : "%ymm"
        lines = last = 0
        delete line
        next
    }
    !kernel || !/^ +[0-9a-f]+:/ { next }
    {
        address = $1
        sub(/:/, "", address)
        line[address] = ++lines
        vectors = index($0, vector) > 0
        stack = vectors && /\(%rsp|[ \t,]-0x[0-9a-f]+\(%rbp\)/
        product = vectors && $2 ~ /^(vfmadd|vdpbf16ps)/
        stacked[lines] = stacked[lines - 1] + stack
        products[lines] = products[lines - 1] + product
        in_function[name] += stack
        all[name] += product
    }
    # A jump back over no other such jump closes an innermost loop.
    $2 ~ /^j/ && ($3 in line) && line[$3] > last {
        before = line[$3] - 1
        last = lines
        size = products[lines] - products[before]
        if (size == 0) next
        in_loops[name, size] += stacked[lines] - stacked[before]
        if (size > longest[name]) longest[name] = size
    }
    function need(tile, size) {
        if (longest[tile] != size) {
            print tile ": its loop of " size " multiply-adds was not found; the longest has " longest[tile] + 0
            bad = 1
        } else if (in_loops[tile, size] > 0) {
            print tile " moves " in_loops[tile, size] " vectors to or from the stack in its loop"
            bad = 1
        }
    }
    END {
        for (name in all) if (all[name] > 0 && name !~ /<Bf16[,>]/ && in_function[name] > 0) {
            print name " moves " in_function[name] " vectors to or from the stack"
            bad = 1
        }
        # 4 turns of outputs x vectors, packed or not; of Bf16 twice as many, both halves of a word.
        for (packed = 0; packed < 2; ++packed) {
            which = packed ? "true>" : "false>"
            need("N_AVX2::block<F32, 6, " which, 4 * 6 * 2)
            need("N_AVX2::block<Bf16, 4, " which, 2 * 4 * 4 * 2)
            need("N_AVX3::block<F32, 10, " which, 4 * 10 * 2)
            need("N_AVX3::block<Bf16, 8, " which, 2 * 4 * 8 * 2)
            need("N_AVX3::block<Bf16Pairs, 10, " which, 4 * 10 * 2)
        }
        need("N_AVX2::outer_tile<OuterF32, 4, 3>", 4 * 4 * 3)
        need("N_AVX2::outer_tile<Bf16, 3, 2>", 2 * 4 * 3 * 2)
        need("N_AVX3::outer_tile<OuterF32, 5, 5>", 4 * 5 * 5)
        need("N_AVX3::outer_tile<Bf16, 4, 4>", 2 * 4 * 4 * 4)
        need("N_AVX3::outer_tile<Bf16Pairs, 5, 5>", 4 * 5 * 5)
        for (name in all) sum[name ~ /N_AVX3/ ? "AVX3" : "AVX2"] += all[name]
        for (isa in sum) print isa ": " sum[isa] " multiply-adds of vectors in the tiles"
        exit bad
    }'
