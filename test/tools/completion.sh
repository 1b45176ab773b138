#!/usr/bin/env bash
# What the shells' completions offer: bash is asked itself; zsh and fish where they are installed.
#   completion.sh TOOL...
set -euo pipefail
source_dir=${REGKIT_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
bin=${REGKIT_BIN:-$source_dir/build/bin}
export PATH=$bin:$PATH LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0
fail() {
    echo "FAILED: $*"
    failed=1
}

cp "$source_dir/test/tools/data/tiny.safetensors" 'a model.safetensors'
cp 'a model.safetensors' m.safetensors
mkdir deep.regds deep
printf 'name\tclass\nopen\tDNase\nCTCF\tTFBS\n' > deep.regds/markers.tsv
touch genome.fa spec.json other.txt

in_bash() {  # TOOL WORD...: what is offered for the last word, sorted, in a line
    bash -c 'source <("$1" --completion bash); name=$(complete -p | sed -E "s/.* -F ([^ ]+) .*/\1/")
             COMP_WORDS=("${@:1}"); COMP_CWORD=$(($# - 1)); $name; printf "%s\n" "${COMPREPLY[@]}" | sort -u | paste -sd" "' "$1" "$@"
}
# fish's own order, and descriptions behind a tab.
in_fish() {  # COMMAND-LINE
    XDG_DATA_HOME=$work/fish HOME=$work fish --no-config -c 'source ("$argv[1]" --completion fish | psub); complete -C "$argv[2]"' -- "${1%% *}" "$1" | cut -f1 | sort -u | paste -sd" "
}
# The specification of an option as _arguments gets it, between its explanation and the end.
in_zsh() {  # TOOL OPTION
    zsh -f -c '_arguments() {print -rl -- "$@"}; source <("$1" --completion zsh)' _ "$1" | sed -n "s/^[*]\{0,1\}$2\[.*[^\\]\]//p"
}
expect() {  # WHAT GOT WANTED
    [[ $2 == "$3" ]] || fail "$1: '$2', not '$3'"
}

presets=$(regtrain --presets | tail -n +2 | cut -f1 | sort | paste -sd" ")
isas="auto avx2 avx512 avx512bf16 generic neon sse4"
for tool in "$@"; do
    [[ " $(in_bash "$tool" --) " == *" --help "* ]] || fail "bash: $tool offers no --help"
    expect "bash: $tool --completion" "$(in_bash "$tool" --completion '')" "bash fish zsh"
    grep -q -e --completion <("$tool" --help) || fail "$tool --help does not name --completion"
    bash -n <("$tool" --completion bash) || fail "bash: $tool"
done
expect "bash: no option" "$(in_bash regcall --thr)" "--threads"
expect "bash: -a" "$(in_bash regtrain -a '')" "$(printf '%s\n' $presets deep deep.regds spec.json | sort | paste -sd" ")"
expect "bash: -a, begun" "$(in_bash regtrain -a spe)" "spec.json"
expect "bash: -m" "$(in_bash regcall -m m)" "m.safetensors"
expect "bash: -m, a name with a blank" "$(in_bash regcall -m a)" "a model.safetensors"
expect "bash: -d" "$(in_bash regeval -d d)" "deep deep.regds"
expect "bash: -f" "$(in_bash regcall -f '')" "a model.safetensors deep deep.regds genome.fa m.safetensors other.txt spec.json"
expect "bash: --device" "$(in_bash regcall --device c)" "cpu cuda"
expect "bash: --device=" "$(in_bash regcall --device = '')" "auto cpu cuda"
expect "bash: --device=c" "$(in_bash regcall --device = c)" "cpu cuda"
expect "bash: --device and nothing behind =" "$(in_bash regcall --device =)" "auto cpu cuda"
expect "bash: --isa" "$(in_bash regsnp --isa '')" "$isas"
expect "bash: -O of regcall" "$(in_bash regcall -O big)" "bigbed bigwig"
expect "bash: -O of regsnp" "$(in_bash regsnp -O v)" "v vcf vcf.gz"
expect "bash: -c" "$(in_bash regcall -c '')" ""
expect "bash: the command" "$(in_bash regsnp ann)" "annotate"
expect "bash: a command that is not the only one" "$(in_bash regcall mer)" "merge"
expect "bash: -k without a model" "$(in_bash regcall -k '')" ""
expect "bash: -k" "$(in_bash regcall -m m.safetensors -k '')" "CTCF.K562 open.K562"
expect "bash: -k before the model" "$(in_bash regcall -k C -m m.safetensors | cut -c1-4)" "m.sa"
expect "bash: -k, begun" "$(in_bash regcall --model = m.safetensors -k o)" "open.K562"
expect "bash: -k, a list" "$(in_bash regsnp -m m.safetensors -k open.K562,C)" "open.K562,CTCF.K562"
expect "bash: -k of a data set" "$(in_bash regeval -d deep.regds -k '')" "CTCF open"
expect "bash: -k with a model that is none" "$(in_bash regcall -m spec.json -k '')" ""

skipped=
if command -v zsh > /dev/null; then
    for tool in "$@"; do zsh -n <("$tool" --completion zsh) || fail "zsh: $tool"; done
    expect "zsh: -a" "$(in_zsh regtrain -a+)" ":NAME:{compadd -- $(regtrain --completion bash | sed -n "/--architecture)/{n;s/.*compgen -W '\([^']*\)'.*/\1/p}"); _files -g \"*.json\"}"
    expect "zsh: --device" "$(in_zsh regcall --device=)" ":NAME:(auto cpu cuda)"
    expect "zsh: -m" "$(in_zsh regcall -m+)" ":MODEL:_files -g \"*.safetensors\""
    [[ $(zsh -f -c '_arguments() {print -rl -- "$@"}; source <(regcall --completion zsh)') == *"1:file:{compadd -- merge; _files}"* ]] ||
        fail "zsh: a command that is not the only one"
    expect "zsh: -k" "$(in_zsh regcall -k+)" ":LIST:_sequence _regcall_markers"
    expect "zsh: markers" "$(zsh -f -c '_arguments() {}; source <(regeval --completion zsh); compadd() {print -r -- $names}
        typeset -A opt_args; opt_args=(-m "a\\\\ model.safetensors" --dataset deep.regds); _regeval_markers')" "CTCF.K562 open.K562 open CTCF"
else
    skipped+=" zsh"
fi
if command -v fish > /dev/null; then
    for tool in "$@"; do fish --no-config -n <("$tool" --completion fish) || fail "fish: $tool"; done
    expect "fish: an option" "$(in_fish 'regcall --thr')" "--threads"
    expect "fish: a command that is not the only one" "$(in_fish 'regcall mer')" "merge"
    expect "fish: --device" "$(in_fish 'regcall --device c')" "cpu cuda"
    expect "fish: --isa" "$(in_fish 'regsnp --isa ')" "$isas"
    expect "fish: -O" "$(in_fish 'regcall -O big')" "bigbed bigwig"
    expect "fish: -a" "$(in_fish 'regtrain -a spe')" "spec.json"
    expect "fish: -m" "$(in_fish 'regcall -m m.s')" "m.safetensors"
    expect "fish: -k" "$(in_fish 'regcall -m m.safetensors -k ')" "CTCF.K562 open.K562"
    expect "fish: -k, a list" "$(in_fish 'regcall -m m.safetensors -k open.K562,C')" "open.K562,CTCF.K562"
    expect "fish: -d" "$(in_fish 'regeval -d deep.')" "deep.regds/"
else
    skipped+=" fish"
fi
[[ -z $skipped ]] || echo "not installed, not asked:$skipped"
exit $failed
