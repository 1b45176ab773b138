#!/usr/bin/env bash
# The register tiles lie in registers: in the compiled tiles (functions of TileArgs and OuterArgs) no vector goes through the
# stack, and the largest tile of each instruction set is there. This reads machine code, so that it holds for AVX-512 on a
# machine without it. Left out are products in bf16 without the instruction for them (Bf16): unpacking takes registers too.
# Usage: registers.sh LIBRARY (Release, x86-64)
set -euo pipefail
command -v objdump > /dev/null || { echo "SKIPPED: no objdump (Debian: binutils)"; exit 77; }

objdump -d -C --no-show-raw-insn "$1" | awk '
    /^[0-9a-f]+ <.*>:$/ {
        kernel = /regkit::cpu::N_(AVX2|AVX3)::/ && /(Tile|Outer)Args const&/ && !/::Bf16, /
        name = $0
        sub(/^[0-9a-f]+ </, "", name)
        isa = name ~ /N_AVX3/ ? "AVX3" : "AVX2"
        vector = isa == "AVX3" ? "%zmm" : "%ymm"
    }
    !kernel || index($0, vector) == 0 { next }
    /vfmadd|vdpbf16ps/ { products[name]++; sum[isa]++ }
    /vmov[ua]p[sd]|vmovdq/ && /\(%rsp|[ \t,]-0x[0-9a-f]+\(%rbp\)/ { spills[name]++ }
    END {
        for (name in spills) if (products[name]) {
            print name " moves " spills[name] " vectors to or from the stack"
            bad = 1
        }
        # 10 x 2 and 10 x 1 of a block, packed or not, and 5 x 5; for 16 registers 6 x 2, 6 x 1 and 3 x 4.
        largest["AVX3"] = 30; outer["AVX3"] = 25; largest["AVX2"] = 18; outer["AVX2"] = 12
        for (isa in largest) {
            blocks = 0; outers = 0
            for (name in products) if (name ~ "N_" isa) {
                if (name ~ /TileArgs/ && products[name] >= largest[isa]) blocks++
                if (name ~ /OuterArgs/ && products[name] >= outer[isa]) outers++
            }
            if (blocks < 1 || outers < 1) { print isa ": its largest tiles were not found"; bad = 1 }
            print isa ": " sum[isa] + 0 " multiply-adds of vectors in the tiles"
        }
        exit bad
    }'
