"""Gradients: what each base would contribute to first order, under a logo of what the bases that are there do."""
from .. import bases

WORDS = {"logo": "gradient ×\ninput ({unit})", "cells": "gradient ({unit} a base)",
         "caption": "Gradient of the {unit} by each base, under letters as high as that of the base that is there:"}


def draw(arguments):
    return bases.draw(arguments, True, WORDS)
