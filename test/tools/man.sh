#!/usr/bin/env bash
# Help, man page and option table say the same, for every tool named; every man page passes mandoc's lint.
#   man.sh TOOL...            the test
#   man.sh --update TOOL...   writes the OPTIONS section of man/TOOL.1 from the tool's table
set -euo pipefail
source_dir=${REGKIT_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
bin=${REGKIT_BIN:-$source_dir/build/bin}
failed=0

fail() {
    echo "FAILED: $*"
    failed=1
}

options_section() {  # of a man page
    awk '/^\.Sh /{inside = /^\.Sh OPTIONS/} inside' "$1"
}

update() {  # tool
    local page=$source_dir/man/$1.1 made
    made=$(mktemp)
    "$bin/$1" --help-man > "$made"
    awk -v made="$made" '/^\.Sh /{inside = /^\.Sh OPTIONS/; if (inside) while ((getline line < made) > 0) print line}
                         !inside' "$page" > "$made.page"
    cat "$made.page" > "$page"
    rm -f "$made" "$made.page"
}

check() {  # tool
    local tool=$1 page=$source_dir/man/$1.1
    [[ -f $page ]] || { fail "there is no man/$tool.1"; return; }
    diff -u <(options_section "$page") <("$bin/$tool" --help-man) ||
        fail "man/$tool.1 differs from the option table; run test/tools/man.sh --update $tool"
    "$bin/$tool" --help > "$work/help" 2> "$work/errors" || fail "$tool --help ends with $?"
    [[ -s $work/errors ]] && fail "$tool --help writes to standard error"
    grep -q '^Examples:' "$work/help" || fail "$tool --help shows no example"
    awk 'length > 110 {print "too wide: " $0; bad = 1} END {exit bad}' "$work/help" || fail "$tool --help has wide lines"
    [[ $("$bin/$tool" --version | head -1) =~ ^$tool\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "$tool --version, line 1"
    "$bin/$tool" < /dev/null > "$work/out" 2> "$work/errors" && fail "$tool without arguments ends with 0"
    [[ -s $work/out ]] && fail "$tool without arguments writes to standard output"
    bash -n <("$bin/$tool" --completion bash) || fail "bash completion of $tool"
    complete_bash "$tool" || fail "bash completion of $tool offers no --help"
}

complete_bash() {  # what bash would offer after "TOOL --hel"
    bash -c 'source <("$1" --completion bash); name=$(complete -p | sed -E "s/.* -F ([^ ]+) .*/\1/")
             COMP_WORDS=("$2" --hel); COMP_CWORD=1; $name; [[ " ${COMPREPLY[*]} " == *" --help "* ]]' _ "$bin/$1" "$1"
}

if [[ ${1:-} == --update ]]; then
    shift
    for tool in "$@"; do update "$tool"; done
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for tool in "$@"; do check "$tool"; done
if command -v mandoc > /dev/null; then
    for page in "$source_dir"/man/*.[1-9]; do
        [[ -e $page ]] || continue
        # Which other pages this machine has (bcftools(1), a tool that is not installed yet) is not the page's fault.
        faults=$(mandoc -T lint -W style "$page" 2> /dev/null | grep -v 'referenced manual not found' || true)
        [[ -z $faults ]] || fail "mandoc -T lint: $faults"
    done
else
    echo "SKIPPED: mandoc is not installed, the man pages were not linted"
    ((failed)) || exit 77
fi
exit $failed
