#!/usr/bin/env python3
"""The roofline of a systolic array from simulated runs: multiply-adds a second over multiply-adds per weight byte.

    bench/array_roofline.py --tenon build/tenon --target examples/targets/tpu-v1.target [-o roofline.svg] [--set KEY=VALUE]

Products of M rows with a K x N matrix of weights, M from 1 on by factors of the square root of 2: each weight byte is read
once and used M times, as long as the accumulators hold the rows. Below the ridge the array waits for weights; its slope is the DRAM's bandwidth, its roof the array's
peak. Prints Markdown: the intensity, what was reached, both limits; and the ridge point, where the two limits meet, beside
the least M that runs within 1 % of its roof. Host bandwidth is set to `inf`, so that weights alone bound it. Python's
standard library only.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import argparse
import json
import math
import os
import subprocess
import sys
import tempfile

MODULE = """HloModule product
ENTRY main {{
  x = {type}[{m},{k}] parameter(0)
  w = {type}[{k},{n}] parameter(1)
  ROOT y = {sum}[{m},{n}] dot(x, w), lhs_contracting_dims={{1}}, rhs_contracting_dims={{0}}
}}
"""


def keys_of(arguments):
    done = subprocess.run([arguments.tenon, "check", arguments.target, "--json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def simulate(arguments, folder, m, k, n, kind):
    path = os.path.join(folder, "product.hlo")
    with open(path, "w") as file:
        file.write(MODULE.format(m=m, k=k, n=n, type=kind, sum="s32" if kind.startswith("s") else "f32"))
    words = [arguments.tenon, "sim", path, "--target=" + arguments.target, "--json", "--set", "host_gb_s=inf"]
    for setting in arguments.set:
        words += ["--set", setting]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def svg(points, roof, slope, ridge, name):
    """Logarithmic axes: intensity to the right, tera multiply-adds a second upwards."""
    width, height, left, bottom = 720, 440, 70, 50
    x0, x1 = math.log10(points[0][0]), math.log10(points[-1][0])
    y0, y1 = math.log10(min(p[1] for p in points)) - 0.1, math.log10(roof) + 0.3

    def place(x, y):
        return (left + (math.log10(x) - x0) / (x1 - x0) * (width - left - 20),
                height - bottom - (math.log10(y) - y0) / (y1 - y0) * (height - bottom - 30))

    def line(a, b, style):
        return '<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" {}/>'.format(*place(*a), *place(*b), style)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="white"/>',
           f'<text x="{left}" y="20">{name}: ridge point {ridge:.0f} multiply-adds per weight byte</text>']
    for decade in range(math.ceil(y0), math.floor(y1) + 1):
        x, y = place(10**x0, 10.0**decade)
        out.append(f'<text x="{x - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{10.0**decade:g}</text>')
        out.append(line((10**x0, 10.0**decade), (10**x1, 10.0**decade), 'stroke="#ddd"'))
    for decade in range(math.ceil(x0), math.floor(x1) + 1):
        x, y = place(10.0**decade, 10**y0)
        out.append(f'<text x="{x:.1f}" y="{y + 16:.1f}" text-anchor="middle">{10.0**decade:g}</text>')
        out.append(line((10.0**decade, 10**y0), (10.0**decade, 10**y1), 'stroke="#ddd"'))
    first = max(10**x0, 10**y0 / slope)
    out.append(line((first, slope * first), (min(ridge, 10**x1), slope * min(ridge, 10**x1)), 'stroke="#888" stroke-width="2"'))
    if ridge < 10**x1:
        out.append(line((ridge, roof), (10**x1, roof), 'stroke="#888" stroke-width="2"'))
    for x, y in points:
        cx, cy = place(x, y)
        out.append(f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="4" fill="#06c"><title>{x:g}: {y:.3g}</title></circle>')
    out.append(f'<text x="{width / 2}" y="{height - 12}" text-anchor="middle">multiply-adds per weight byte</text>')
    out.append(f'<text x="16" y="{height / 2}" text-anchor="middle" transform="rotate(-90 16 {height / 2})">tera multiply-adds a second</text></svg>')
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tenon", default="build/tenon")
    parser.add_argument("--target", default="examples/targets/tpu-v1.target")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--tiles", type=int, default=8, help="tiles of weights along K and along N")
    parser.add_argument("--most", type=int, default=8192, help="largest M")
    parser.add_argument("-o", "--output", help="write an SVG")
    arguments = parser.parse_args()
    keys = keys_of(arguments)
    rows, columns, clock = int(keys["rows"]), int(keys["columns"]), float(keys["clock_mhz"]) * 1e6
    kind = keys["operand"].split(",")[0].strip()
    width = {"s8": 1, "bf16": 2, "f16": 2, "f32": 4}[kind]
    roof, bandwidth = rows * columns * clock / 1e12, float(keys["dram_gb_s"]) * 1e9
    slope, k, n = bandwidth / 1e12, rows * arguments.tiles, columns * arguments.tiles
    ridge, points, least = roof / slope, [], None
    print("| M | multiply-adds per weight byte | reached, T/s | roof, T/s | share |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for m in sorted({round(2 ** (step / 2)) for step in range(0, 2 * int(math.log2(arguments.most)) + 1)}):
            facts = simulate(arguments, folder, m, k, n, kind)
            rate = facts["macs_total"] / (facts["cycles"] + 1) * clock / 1e12
            intensity = m / width
            bound = min(roof, slope * intensity)
            points.append((intensity, rate))
            print(f"| {m} | {intensity:g} | {rate:.3g} | {bound:.3g} | {rate / bound * 100:.1f} % |")
            if least is None and rate > 0.99 * roof:
                least = intensity
    print(f"\nridge point: {ridge:.1f} multiply-adds per weight byte", end="")
    print(f"; at least 99 % of the peak from {least:g} on" if least else "")
    if arguments.output:
        with open(arguments.output, "w") as file:
            file.write(svg(points, roof, slope, ridge, keys["name"]))


if __name__ == "__main__":
    main()
