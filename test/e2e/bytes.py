#!/usr/bin/env python3
"""Products of bytes, which have instructions of their own, against the evaluator: bit for bit, on sizes
around tiles and tails, all four combinations of signs, on every target.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import check, run_tests, tenon

VARIANTS = [["--target=host"], ["--target=x86-64-v2"], ["--target=x86-64-v3", "--threads=3"], ["--target=x86-64-v4"],
            ["--threads=8"], ["-O0"], ["--schedule-seed=3"]]


def numbers(dice, kind, dims):
    if dims:
        return "{" + ", ".join(numbers(dice, kind, dims[1:]) for _ in range(dims[0])) + "}"
    return str(dice.choice([-128, -127, 127]) if kind == "s8" and not dice.randrange(4)
               else dice.randint(-128, 127) if kind == "s8" else dice.randint(0, 255))


def compare(folder, lines, expected=None):
    path = os.path.join(folder, "bytes.hlo")
    with open(path, "w") as file:
        file.write("HloModule bytes\n\nENTRY main {\n" + "".join(f"  {line}\n" for line in lines) + "}\n")
    for variant in VARIANTS:
        tenon("run", path, "--in", "random:1", "--backend=eval,plan,cpu", *variant)
    if expected:
        check(expected in tenon("compile", path, "--emit=plan", "-o", "-", "--target=x86-64-v4"), f"no {expected} in the plan")


def dots(folder):
    dice = random.Random(1)
    sizes = [(1, 64, 96), (7, 4, 16), (13, 36, 100), (64, 128, 70), (2, 260, 65), (33, 6, 40), (9, 1, 33)]
    for rows, depth, columns in sizes:
        for left, right in [("u8", "s8"), ("s8", "s8"), ("s8", "u8"), ("u8", "u8")]:
            turned = dice.randrange(2)
            dims = [columns, depth] if turned else [depth, columns]
            compare(folder, [f"x = {left}[{rows},{depth}] parameter(0)",
                             f"w = {right}[{dims[0]},{dims[1]}] constant({numbers(dice, right, dims)})",
                             f"ROOT d = s32[{rows},{columns}] dot(x, w), lhs_contracting_dims={{1}}, "
                             f"rhs_contracting_dims={{{turned}}}"],
                    "(2,1)}" if depth % 4 == 0 and columns >= 64 else None)


def convolutions(folder):
    dice = random.Random(2)
    for size, inputs, outputs, window in [(8, 4, 20, "size=3x3"), (9, 16, 70, "size=3x3 stride=2x2 pad=1_1x1_1"),
                                          (6, 64, 64, "size=1x1"), (7, 3, 33, "size=2x2 rhs_dilate=2x2")]:
        kernel = [int(window[5]), int(window[7]), inputs, outputs]
        spatial = {"size=3x3": size - 2, "size=1x1": size, "size=2x2 rhs_dilate=2x2": size - 2}.get(window, (size + 1) // 2)
        compare(folder, [f"x = u8[2,{size},{size},{inputs}] parameter(0)",
                         f"w = s8[{','.join(map(str, kernel))}] constant({numbers(dice, 's8', kernel)})",
                         f"ROOT d = s32[2,{spatial},{spatial},{outputs}] convolution(x, w), window={{{window}}}, "
                         "dim_labels=b01f_01io->b01f"])


def extremes(folder):
    """What an instruction that saturates would get wrong."""
    for left, value in [("u8", 255), ("s8", -128)]:
        for weight in [-128, 127]:
            row = "{" + ", ".join([str(weight)] * 64) + "}"
            compare(folder, [f"c = {left}[] constant({value})", f"p = {left}[3,16] parameter(0)",
                             f"b = {left}[3,16] broadcast(c), dimensions={{}}", f"x = {left}[3,16] or(p, b)",
                             f"w = s8[16,64] constant({{{', '.join([row] * 16)}}})",
                             "ROOT d = s32[3,64] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}"])


run_tests([dots, convolutions, extremes])
