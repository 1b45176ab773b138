#!/usr/bin/env python3
"""regsnp check: its counts are those of the notes that annotate then writes, it ends as annotate does, and what it says of contigs,
order, index, assembly and swapped alleles is what the files were made with."""
import collections
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import tools
from tools import check, run, write

HEADER = "##fileformat=VCFv4.2\n{}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
LISTED = "##contig=<ID=chr1,length=60000>\n##contig=<ID=chr2,length=30000>\n"
COMPLEMENT = dict(zip("ACGT", "TGCA"))


def genome():
    sequences = {}
    for line in open("ref.fa"):
        if line.startswith(">"):
            name = line[1:].split()[0]
            sequences[name] = []
        else:
            sequences[name].append(line.strip().upper())
    return {name: "".join(lines) for name, lines in sequences.items()}


def vcf(name, rows, listed=LISTED):
    write(name, HEADER.format(listed) + "".join("\t".join(map(str, (*row[:2], ".", *row[2:4], *(row[4:] or (".", ".", "."))))) + "\n"
                                                for row in rows))


def table(*args, code=0):
    done = run("regsnp", "check", "-f", "ref.fa", *args, code=code)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert rows[0] == ["key", "value"] and all(len(row) == 2 for row in rows), rows
    check(len({key for key, _ in rows}) == len(rows), "a key twice")
    return dict(rows), done.stderr


def annotated(*args):
    """How many alleles have each note, and how many have a score, in what annotate writes."""
    notes, scored = collections.Counter(), 0
    for line in run("regsnp", "-m", "model.safetensors", "-f", "ref.fa", *args).stdout.splitlines():
        if line.startswith("#"):
            continue
        columns = line.split("\t")
        info = dict(field.split("=") for field in columns[7].split(";") if "=" in field)
        notes.update(note for note in info.get("REG_NOTE", "").split(",") if note not in ("", "."))
        scored += sum(value != "." for value in info.get("REG_MAX", ".").split(","))
    return notes, scored


def same_counts(name, *args, stops=None):
    """check counts what annotate notes; where annotate would stop, what it notes with `stops` in addition."""
    kind = (None,) if stops is None else stops[:1]
    found, words = table(*args, name, code=kind[0] or 0)
    if stops is not None:
        ended = run("regsnp", "-m", "model.safetensors", "-f", "ref.fa", *args, name, code=kind[0])
        last = ended.stderr.splitlines()[-1]
        check(words.splitlines()[-1] == last, f"{name}: check ends with {words}, annotate with {last}")
        check(found["annotate"] == "stops: " + last.removeprefix("regsnp: "), found["annotate"])
    else:
        check(found["annotate"] == "runs", found["annotate"])
    notes, scored = annotated(*args, *(stops[1:] if stops else ()), name)
    got = {key.removeprefix("note_"): int(value) for key, value in found.items() if key.startswith("note_")}
    check({key: value for key, value in got.items() if value} == dict(notes), f"{name} {args}: {got}, not {notes}")
    check(int(found["scored"]) == scored, f"{name} {args}: {found['scored']} scored, not {scored}")
    return found


def main():
    os.environ["TEST_TOOLS"] = HERE
    os.environ["PATH"] = os.path.abspath(tools.BIN) + ":" + os.environ["PATH"]
    with tempfile.TemporaryDirectory(prefix="regsnp_check_") as work:
        os.chdir(work)
        subprocess.run([os.path.join(HERE, "fixture.sh")], check=True, capture_output=True)
        bases = genome()
        one = bases["chr1"]
        other = {base: COMPLEMENT[base] for base in "ACGT"}

        # Every kind of allele; at 12,000 to 13,000 of chr2 the reference is N.
        kinds = [("chr1", 0, "N", "<DEL>"), ("chr1", 900, one[899], other[one[899]] + ",*,<DEL>,R"),
                 ("chr1", 1000, one[999], f"{one[999]}]chr2:5],A/G"), ("chr1", 2000, one[1999], "."),
                 ("chr1", 3000, one[2999:3009], one[2999]), ("chr1", 4000, "N", "A"),
                 ("chr2", 5, bases["chr2"][4].lower(), other[bases["chr2"][4]]), ("chr2", 12500, "A", "AC,G"),
                 ("chr2", 30001, "N", "<DUP>")]
        vcf("kinds.vcf", kinds)
        found = same_counts("kinds.vcf")
        check((found["records"], found["alleles"], found["sorted"]) == ("9", "13", "yes"), found)
        check((found["ref_same"], found["ref_unknown"], found["ref_differs"], found["ref_same_share"]) == ("5", "2", "0", "1"), found)
        for span in (0, 3):
            same_counts("kinds.vcf", "--span", span)
        same_counts("kinds.vcf", "-t", "chr1:900-3000,chr2", "-t", "^chr2:5")
        found = same_counts("in.vcf")
        check(found["assembly_likely"] == "unknown" and found["index"].startswith("no: "), found)
        # A deletion between two stretches of N leaves nothing to compare.
        short = "ACGTACGTAC"
        write("island.fa", ">c\n" + "N" * 200 + short + "N" * 200 + "\n")
        os.replace("ref.fa", "kept.fa")
        os.replace("island.fa", "ref.fa")
        os.remove("ref.fa.fai")
        vcf("island.vcf", [("c", 201, short, "T"), ("c", 201, short, "A"), ("c", 203, "G", "GA")], "")
        found = same_counts("island.vcf")
        check((found["note_uncompared"], found["scored"]) == ("1", "2"), found)
        os.replace("kept.fa", "ref.fa")
        os.remove("ref.fa.fai")

        # REF and ALT changed places, and a REF that nothing explains; a contig that the reference lacks; one of another length.
        wrong = kinds[:2] + [("chr1", 5000, other[one[4999]], one[4999]), ("chr1", 5001, other[one[5000]], other[one[5000]] + "A"),
                             ("chr1", 59999, one[59998:] + "AC", other[one[59998]])]
        vcf("swapped.vcf", wrong)
        found = same_counts("swapped.vcf", stops=(3, "--ref-mismatch", "skip"))
        check((found["ref_swapped"], found["ref_differs"], found["note_ref_mismatch"]) == ("1", "3", "3"), found)
        for action in ("skip", "use-vcf"):
            same_counts("swapped.vcf", "--ref-mismatch", action)
        vcf("names.vcf", [("1", 900, one[899], other[one[899]]), ("chrUn", 5, "A", "C"), ("chr1", 10, one[9], other[one[9]])])
        found = same_counts("names.vcf", stops=(4, "--missing-contig", "skip"))
        check((found["contigs"], found["contigs_missing_names"], found["contigs_other_name_names"], found["records_unlisted_contig"]) ==
              ("3", "1, chrUn", "1 = chr1", "2"), found)
        check(same_counts("names.vcf", "--missing-contig", "skip", "--alias", "ucsc")["contigs_missing_names"] == "chrUn", "an alias")
        vcf("length.vcf", kinds, LISTED.replace("60000", "60001"))
        found, _ = table("length.vcf", code=4)
        run("regsnp", "-m", "model.safetensors", "-f", "ref.fa", "length.vcf", code=4)
        check((found["contigs_other_length"], found["contigs_other_length_names"]) == ("1", "chr1: 60001, not 60000"), found)
        vcf("beyond.vcf", kinds, LISTED.replace("60000", "2147483647"))
        check(same_counts("beyond.vcf")["contigs_other_length"] == "0", "a placeholder for a length")

        # A stranger's field, in the header or without a definition, stops annotate; our own of an earlier run is replaced.
        vcf("theirs.vcf", kinds, LISTED + '##INFO=<ID=REG_MAX,Number=1,Type=Float,Description="mine">\n')
        vcf("undefined.vcf", [(*kinds[1], ".", ".", "REG_NOTE=x")])
        for name in ("theirs.vcf", "undefined.vcf"):
            ended = run("regsnp", "-m", "model.safetensors", "-f", "ref.fa", name, code=3).stderr
            found, words = table(name, code=3)
            check(ended.splitlines()[-1] == words.splitlines()[-1], f"{ended} {words}")
        run("regsnp", "-m", "model.safetensors", "-f", "ref.fa", "-o", "again.vcf", "kinds.vcf")
        check(int(same_counts("again.vcf")["fields_replaced"]) > 8, "fields of an earlier run")

        # Order, index and the model's reference.
        vcf("order.vcf", kinds[::-1])
        found = same_counts("order.vcf")
        check(found["sorted"].startswith("no: order.vcf:") and found["sorted"].endswith("(chr2:12500)"), found["sorted"])
        run("regsnp", "-m", "model.safetensors", "-f", "ref.fa", "-o", "in.vcf.gz", "--write-index", "in.vcf")
        found = same_counts("in.vcf.gz", "-r", "chr1:20000-25005")
        check((found["index"], found["records"]) == ("yes", "2"), found)
        os.utime("in.vcf.gz")
        os.utime("in.vcf.gz.tbi", (1, 1))
        check("older than the file" in table("in.vcf.gz")[0]["index"], "an old index")
        run("random_model", "own.safetensors", os.path.join(HERE, "data", "tiny.json"), 1, "chr1:60000", "a=x")
        check(table("-m", "own.safetensors", "-t", "chr1", "in.vcf")[0]["model_reference"] == "same", "names and lengths agree")
        run("random_model", "own.safetensors", os.path.join(HERE, "data", "tiny.json"), 1, "chr1:70000", "a=x")
        check("has another length" in table("-m", "own.safetensors", "in.vcf")[0]["model_reference"], "another reference")

        # Assemblies, by lengths of the header's contigs.
        for assembly, lengths in {"hg19/GRCh37": (63025520, 48129895), "hg38/GRCh38": (64444167, 46709983),
                                  "T2T-CHM13v2.0": (66210255, 45090682), "unknown": (63025521, 48129894)}.items():
            for prefix in ("", "chr"):
                vcf("assembly.vcf", kinds, LISTED + "".join(f"##contig=<ID={prefix}{20 + i},length={length}>\n"
                                                            for i, length in enumerate(lengths)))
                check(table("assembly.vcf")[0]["assembly_of_contigs"] == assembly, assembly)
        for assembly, length in {"mm10/GRCm38": 61431566, "mm39/GRCm39": 61420004}.items():
            vcf("assembly.vcf", kinds, LISTED + f"##contig=<ID=19,length={length}>\n")
            check(table("assembly.vcf")[0]["assembly_of_contigs"] == assembly, assembly)
        write("torn.vcf", HEADER.format(LISTED) + "chr1\tx\t.\tA\tC\t.\t.\t.\n")
        check(run("regsnp", "check", "-f", "ref.fa", "torn.vcf", code=3).stdout == "", "a damaged file leaves rows")
    assert tools.checks > 60, tools.checks
    print(f"{tools.checks} checks")


if __name__ == "__main__":
    sys.exit(main())
