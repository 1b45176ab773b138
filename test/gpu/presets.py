#!/usr/bin/env python3
"""The presets and the windows that they have, a line each: presets.py [NAME...]"""
import json
import os
import sys

MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "models")
for name in sys.argv[1:] or sorted(file[:-5] for file in os.listdir(MODELS) if file.endswith(".json")):
    with open(os.path.join(MODELS, name + ".json")) as file:
        print(name, json.load(file)["window"])
