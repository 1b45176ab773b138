"""In-silico mutagenesis: what each substitution changes, under a logo of what the bases that are there contribute."""
from .. import bases

WORDS = {"logo": "contribution\n({unit})", "cells": "Δ {unit}",
         "caption": "Change of the {unit} by each substitution, under letters as high as what the base that is there contributes (its own change, 0, "
                    "less the mean over the four bases):"}


def draw(arguments):
    return bases.draw(arguments, False, WORDS)
