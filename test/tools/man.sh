#!/usr/bin/env bash
# Help, man page and option table say the same, for every tool named; every man page passes mandoc's lint. A page's section
# OPTIONS is of the tool or its default command, and "OPTIONS OF ISM" of another command, where the page has such a section.
#   man.sh TOOL...            the test
#   man.sh --update TOOL...   writes these sections of man/TOOL.1 from the tool's tables
set -euo pipefail
source_dir=${REGKIT_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
bin=${REGKIT_BIN:-$source_dir/build/bin}
failed=0

fail() {
    echo "FAILED: $*"
    failed=1
}

headings() {  # of sections of options in a man page
    grep -E '^\.Sh OPTIONS( OF [A-Z]+)?$' "$1" || true
}

options_section() {  # man page, heading
    awk -v heading="$2" '/^\.Sh /{inside = $0 == heading} inside' "$1"
}

made_section() {  # tool, heading
    local command=
    [[ $2 =~ \ OF\ (.*) ]] && command=${BASH_REMATCH[1],,}
    # shellcheck disable=SC2086
    "$bin/$1" $command --help-man | sed "s/^\.Sh OPTIONS\$/$2/"
}

update() {  # tool
    local page=$source_dir/man/$1.1 made heading
    made=$(mktemp)
    while read -r heading; do
        made_section "$1" "$heading" > "$made"
        awk -v made="$made" -v heading="$heading" '
            /^\.Sh /{inside = $0 == heading; if (inside) while ((getline line < made) > 0) print line}
            !inside' "$page" > "$made.page"
        cat "$made.page" > "$page"
    done < <(headings "$page")
    rm -f "$made" "$made.page"
}

check() {  # tool
    local tool=$1 page=$source_dir/man/$1.1 heading
    [[ -f $page ]] || { fail "there is no man/$tool.1"; return; }
    [[ $(headings "$page" | head -1) == ".Sh OPTIONS" ]] || fail "man/$tool.1 has no section OPTIONS"
    while read -r heading; do
        diff -u <(options_section "$page" "$heading") <(made_section "$tool" "$heading") ||
            fail "man/$tool.1 differs from the option table; run test/tools/man.sh --update $tool"
    done < <(headings "$page")
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
