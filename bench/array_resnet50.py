#!/usr/bin/env python3
"""ResNet-50's convolutions on a 16 x 16 array: how much of its peak they reach, and the bytes that move.

    python3 bench/array_resnet50.py --tenon build/tenon --target examples/targets/gemmini.target

The naive tiling is weight stationary with nothing kept: for every tile of weights all its rows of x come
from DRAM, and partial sums of 32 bits go there and back between the tiles of a column.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import resnet50_int8


def tiles(size, tile):
    return -(-size // tile)


def naive_bytes(m, k, n, rows, columns):
    k_tiles, n_tiles = tiles(k, rows), tiles(n, columns)
    activations = m * k * n_tiles
    sums = 4 * m * n * (2 * k_tiles - 1)  # each tile of a column but the first reads what the last one wrote
    return k * n + activations + sums


def convolutions(hlo):
    """M, K, N of each, in order."""
    types = dict(re.findall(r"(v\d+) = \w+\[([\d,]*)\]", hlo))
    for name, weights in re.findall(r"(v\d+) = s32\[[\d,]*\] convolution\(v\d+, (v\d+)\)", hlo):
        batch, height, width, filters = map(int, types[name].split(","))
        kh, kw, channels, _ = map(int, types[weights].split(","))
        yield batch * height * width, kh * kw * channels, filters


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tenon", default="build/tenon")
    parser.add_argument("--target", default="examples/targets/gemmini.target")
    parser.add_argument("--batch", type=int, default=4)
    options = parser.parse_args()
    keys = dict(re.findall(r"^(\w+) = ([^#\n]*?)\s*(?:#.*)?$", open(options.target).read(), re.M))
    rows, columns = int(keys["rows"]), int(keys["columns"])
    hlo = resnet50_int8.resnet50(options.batch)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "resnet50.hlo")
        with open(path, "w") as file:
            file.write(hlo)
        result = json.loads(subprocess.run([options.tenon, "sim", path, "--fill-elided=random:1", "--json", f"--target={options.target}"],
                                           check=True, stdout=subprocess.PIPE).stdout)
    layers = [layer for layer in result["layers"] if layer["name"].startswith("convolution")]
    shapes = list(convolutions(hlo))
    if len(layers) != len(shapes):
        raise SystemExit(f"{len(layers)} layers, {len(shapes)} convolutions")
    cycles = sum(layer["cycles"] for layer in layers)
    macs = sum(m * k * n for m, k, n in shapes)
    useful = sum(layer["array"]["useful_macs"] for layer in layers)
    moved = sum(layer["dram_read_bytes"] + layer["dram_write_bytes"] for layer in layers)
    naive = sum(naive_bytes(m, k, n, rows, columns) for m, k, n in shapes)
    peak = 100 * useful / (cycles * rows * columns)
    print(f"{len(layers)} convolutions, batch {options.batch}, {macs} multiply-adds ({useful} without padding's)")
    print(f"{cycles} cycles: {peak:.2f} % of peak")
    print(f"DRAM: {moved} bytes; naive tiling: {naive} bytes ({naive / moved:.1f} x)")
    print(f"forecast of the network: {result['model_cycles']} cycles, simulated {result['cycles']} "
          f"({100 * (result['model_cycles'] / result['cycles'] - 1):+.1f} %)")


if __name__ == "__main__":
    main()
