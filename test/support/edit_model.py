#!/usr/bin/env python3
"""Writes a model file with something wrong in it, for tests of what the tools make of it; its checksum is dropped.
    edit_model.py IN OUT tensor NAME ELEMENT VALUE    one value of a tensor
    edit_model.py IN OUT zero NAME                    all values of a tensor
    edit_model.py IN OUT metadata NAME TEXT           an entry of the metadata
    edit_model.py IN OUT text OLD NEW                 a text in the metadata, every time that it stands there
"""
import json
import struct
import sys

with open(sys.argv[1], "rb") as f:
    header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    data = bytearray(f.read())
metadata = header["__metadata__"]
del metadata["regkit.sha256"]
if sys.argv[3] == "tensor":
    at = header[sys.argv[4]]["data_offsets"][0] + 4 * int(sys.argv[5])
    data[at:at + 4] = struct.pack("<f", float(sys.argv[6]))
elif sys.argv[3] == "zero":
    begin, end = header[sys.argv[4]]["data_offsets"]
    data[begin:end] = bytes(end - begin)
elif sys.argv[3] == "metadata":
    metadata[sys.argv[4]] = sys.argv[5]
else:
    for key, text in metadata.items():
        metadata[key] = text.replace(sys.argv[4], sys.argv[5])
text = json.dumps(header).encode()
with open(sys.argv[2], "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text + data)
