#!/usr/bin/env bash
# What make install installs: tools that run, pages, completions, and a package that a program outside can link.
#   install.sh BUILD COMPILER
set -euo pipefail
build=$1 compiler=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAILED: $*"
    exit 1
}

# `make install` builds the target `installed` alone: everything that is installed out of the build folder must come of it.
if [[ -f $build/build.ninja ]]; then
    ninja -C "$build" -t commands installed > "$work/commands"
else
    make -C "$build" -n -B installed > "$work/commands"
fi
find "$build" -name cmake_install.cmake -exec grep -oh "\"$build/[^\"]*\"" {} + | tr -d '"' | grep -v -e '\.cmake$' -e '${' | sort -u > "$work/files"
[[ $(wc -l < "$work/files") -ge 20 ]] || fail "what is installed was not found in cmake_install.cmake"
while read -r file; do
    wanted=${file#"$build/"}
    [[ $file == *.a || $file == *.so ]] && wanted=$(basename "$file")  # make names a library in the folder of its list
    grep -qF "$wanted" "$work/commands" || fail "make install installs $file, but does not build it"
done < "$work/files"

DESTDIR=$work cmake --install "$build" --prefix /usr > "$work/log" || fail "$(tail -n 20 "$work/log")"
for tool in "$work"/usr/bin/reg*; do
    name=$(basename "$tool")
    "$tool" --version > "$work/version" || fail "the installed $name does not run"
    [[ -f $work/usr/share/man/man1/$name.1 ]] || fail "no man page of $name"
    bash -n "$work/usr/share/bash-completion/completions/$name" || fail "no bash completion of $name"
    [[ -s $work/usr/share/zsh/site-functions/_$name ]] || fail "no zsh completion of $name"
    [[ -s $work/usr/share/fish/vendor_completions.d/$name.fish ]] || fail "no fish completion of $name"
done
(cd "$work" && usr/bin/regmodel info gm12878-chr20 > model && grep -q $'^markers\t21$' model) || fail "the model that comes along"
[[ -f $work/usr/share/man/man1/regkit.1 && -f $work/usr/share/man/man5/regds.5 ]] || fail "pages of the suite"

# With a sanitized build the program outside would need the same flags; the package is tested in the plain one.
grep -q '^REGKIT_SANITIZE:BOOL=ON' "$build/CMakeCache.txt" && exit 0
cp -r "$REGKIT_SOURCE/examples/cpp" "$work/outside"
cmake -S "$work/outside" -B "$work/outside/build" -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$work/usr" > "$work/log" 2>&1 &&
    cmake --build "$work/outside/build" > "$work/log" 2>&1 || fail "$(tail -n 20 "$work/log")"
sequence=$(head -c 600 /dev/zero | tr '\0' A)ACGTTGCA
"$work/outside/build/predict" "$REGKIT_SOURCE/test/tools/data/tiny.safetensors" "$sequence" > "$work/out" || fail "the example program"
awk -F'\t' 'NF != 3 || $3 < 0 || $3 > 1 {exit 1} END {exit NR < 1}' "$work/out" || fail "the example prints: $(cat "$work/out")"
