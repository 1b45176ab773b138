# What several rules need: the markers, and where their files are.
import csv
import os
import re


def read_sheet(path):
    """The rows of the sheet of markers, as regds-build(1) reads it: tab-separated, with a header, lines with # left out."""
    with open(path, encoding="utf-8-sig") as sheet:
        lines = (line for line in sheet if line.strip() and not line.startswith("#"))
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def file_name(marker):
    """What regcall writes for {marker} in the name of an output."""
    return re.sub(r'[ ,;=/%\\"]|^#', "_", marker)


SHEET = read_sheet(config["sheet"])
# In the sheet they are relative to it.
PEAKS = [os.path.join(os.path.dirname(config["sheet"]), row["peaks"]) for row in SHEET]
MARKERS = [file_name(row["name"]) for row in SHEET]


wildcard_constraints:
    variants="[^/]+",
