"""Scored variants, as regsnp annotate writes them in VCF."""
from dataclasses import dataclass
from urllib.parse import unquote

from . import tables
from .errors import InputError


@dataclass
class Variant:
    contig: str
    pos: int        # 1-based, as VCF has it
    name: str
    ref: str
    alt: str
    delta: float    # REG_DELTA; NaN where there is no score
    marker: str
    top: tuple = () # REG_TOP: (marker, delta), strongest first

    def label(self):
        change = f"{self.ref}>{self.alt}" if len(self.ref) + len(self.alt) < 12 else f"{len(self.ref)}>{len(self.alt)} bp"
        return self.name if self.name != "." else f"{self.pos:,} {change}"


def number(text):
    try:
        return float(text)
    except ValueError:
        return float("nan")


def pairs(text):
    words = text.split("|")
    return tuple((unquote(name), number(value)) for name, value in zip(words[::2], words[1::2]))


def read(path, where=None):
    """Every allele of a VCF, or those of a region."""
    if path.endswith(".bcf") or tables.data(path)[:3] == b"BCF":
        raise InputError(f"{path}: this is BCF; give it as text: bcftools view {path} | regplot ... -")
    found, seen_header = [], False
    for line_number, line in tables.lines(path):
        if line.startswith("#"):
            seen_header |= line.startswith("#CHROM")
            continue
        fields = line.split("\t")
        if not seen_header or len(fields) < 8 or not fields[1].isdigit():
            raise InputError(f"{path}:{line_number}: this is no line of VCF")
        contig, pos, name, ref, alts = fields[:5]
        if where and (contig != where.contig or not where.begin < int(pos) <= where.end):
            continue
        info = dict(field.partition("=")[::2] for field in fields[7].split(";"))
        alleles = alts.split(",")
        values = {key: info.get(key, "").split(",") for key in ("REG_DELTA", "REG_MARKER", "REG_TOP")}
        for i, alt in enumerate(alleles):
            delta, marker, top = (values[key][i] if len(values[key]) == len(alleles) else "" for key in values)
            found.append(Variant(contig, int(pos), name, ref, alt, number(delta), unquote(marker), pairs(top)))
    if not seen_header:
        raise InputError(f"{path}: this is no VCF: there is no line #CHROM")
    return found
