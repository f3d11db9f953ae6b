"""Prints what a safetensors file holds, read by the description of the format alone."""
import json
import math
import pathlib
import struct
import sys

import numpy

TYPES = {"BOOL": "?", "I16": "<i2", "I64": "<i8", "BF16": "<u2", "F32": "<f4", "F64": "<f8"}

data = pathlib.Path(sys.argv[1]).read_bytes()
(length,) = struct.unpack("<Q", data[:8])
header = json.loads(data[8:8 + length])
data = data[8 + length:]
assert (8 + length) % 8 == 0
assert header.pop("__metadata__")["format"] == "pt"
reached = 0
for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
    begin, end = entry["data_offsets"]
    values = numpy.frombuffer(data[begin:end], TYPES[entry["dtype"]])
    assert begin == reached and begin % values.itemsize == 0 and values.size == math.prod(entry["shape"])
    reached = end
    print(name, entry["dtype"], tuple(entry["shape"]), values.tolist())
assert reached == len(data)
