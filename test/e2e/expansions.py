#!/usr/bin/env python3
"""Operations that passes write out as simpler ones, compared with the evaluator: one program
a family, with every type and many shapes, on the plan and natively.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import run_tests, tenon

VARIANTS = [[], ["-O0"], ["--target=x86-64-v2", "--threads=3"], ["--schedule-seed=1"]]


def compare(folder, lines, results, parameters, variants=VARIANTS):
    """The backends agree on a program of one entry that returns `results`."""
    path = os.path.join(folder, "program.hlo")
    shapes = ", ".join(shape for _, shape in results)
    names = ", ".join(name for name, _ in results)
    with open(path, "w") as file:
        file.write("HloModule program\n\nENTRY main {\n")
        for number, shape in enumerate(parameters):
            file.write(f"  p{number} = {shape} parameter({number})\n")
        file.writelines(f"  {line}\n" for line in lines)
        file.write(f"  ROOT all = ({shapes}) tuple({names})\n}}\n")
    for seed, variant in enumerate(variants):
        tenon("run", path, "--in", f"random:{seed + 1}", "--backend=eval,plan,cpu", *variant)


def random_bits(folder):
    """Bit for bit: every algorithm, state and type; no elements, odd counts, several dims."""
    types = ["u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64"]
    shapes = ["0", "", "1", "5", "2,7", "3,0,2", "4,3,5", "3,3,3", "1,9", "64,33"]
    for algorithm, words in [("rng_philox", 3), ("rng_philox", 2), ("rng_default", 3), ("rng_three_fry", 2)]:
        lines, results = [], []
        for i, shape in enumerate(shapes):
            kind = types[i % len(types)]
            for k, one in enumerate([kind, types[(i + 3) % len(types)]]):
                name = f"r{i}_{k}"
                both = f"(u64[{words}], {one}[{shape}])"
                lines.append(f"{name} = {both} rng-bit-generator(p0), algorithm={algorithm}")
                results.append((name, both))
        compare(folder, lines, results, [f"u64[{words}]"])


def counters_carry(folder):
    """The low word of the counter wraps inside the call, and behind it."""
    for words, algorithm in [(3, "rng_philox"), (2, "rng_philox"), (2, "rng_three_fry")]:
        state = ", ".join(["81985529216486895", "18446744073709551613", "18446744073709551615"][:words])
        lines = [f"state = u64[{words}] constant({{{state}}})"]
        results = []
        for count in (4, 12, 13, 40):
            both = f"(u64[{words}], u32[{count}])"
            lines.append(f"r{count} = {both} rng-bit-generator(state), algorithm={algorithm}")
            results.append((f"r{count}", both))
        compare(folder, lines, results, [])


def uniform_numbers(folder):
    lines, results = [], []
    for i, kind in enumerate(["f16", "bf16", "f32", "f64", "s8", "u8", "s16", "s32", "u32", "s64", "u64"]):
        low, high = ("-1.5", "2.25") if "f" in kind else ("3", "100") if kind[0] == "u" else ("-7", "90")
        lines += [f"a{i} = {kind}[] constant({low})", f"b{i} = {kind}[] constant({high})",
                  f"r{i} = {kind}[3,40] rng(a{i}, b{i}), distribution=rng_uniform",
                  f"e{i} = {kind}[7] rng(b{i}, b{i}), distribution=rng_uniform"]
        results += [(f"r{i}", f"{kind}[3,40]"), (f"e{i}", f"{kind}[7]")]
    compare(folder, lines, results, [])


def transform(kind, number, batch, lengths, wide=False):
    """(line, result) of a transform of an iota that is made complex or real."""
    real, both = ("f64", "c128") if wide else ("f32", "c64")
    half = lengths[:-1] + [lengths[-1] // 2 + 1]
    given, got = {"FFT": (lengths, lengths), "IFFT": (lengths, lengths), "RFFT": (lengths, half),
                  "IRFFT": (half, lengths)}[kind]
    def shape(element, dims):
        return f"{element}[{','.join(map(str, batch + dims))}]"
    x, y = (real if kind == "RFFT" else both), (real if kind == "IRFFT" else both)
    line = f"r{number} = {shape(y, got)} fft(p{number}), fft_type={kind}, fft_length={{{','.join(map(str, lengths))}}}"
    return line, (f"r{number}", shape(y, got)), shape(x, given)


def transforms(folder, cases, variants):
    made = [transform(kind, number, *case) for number, (kind, *case) in enumerate(cases)]
    compare(folder, [line for line, _, _ in made], [result for _, result, _ in made], [given for _, _, given in made],
            variants)


KINDS = ["FFT", "IFFT", "RFFT", "IRFFT"]


def transforms_of_all_small_lengths(folder):
    for kind in KINDS:
        transforms(folder, [(kind, [2], [n]) for n in range(1, 17)], [[]])


def transforms_of_larger_lengths(folder):
    for kind in KINDS:
        transforms(folder, [(kind, [], [n]) for n in (37, 64, 67, 77, 210, 512)], [[]])
    transforms(folder, [(kind, [], [n], True) for n in (12, 67) for kind in KINDS[:2]], [["--target=x86-64-v2", "--threads=3"]])


def transforms_of_several_dims(folder):
    cases = [([], [4, 6]), ([2], [3, 4, 5]), ([2, 2], [1, 8]), ([0], [4, 4]), ([2], [1]), ([], [13, 1, 2])]
    transforms(folder, [(kind, *case) for case in cases for kind in KINDS], [[], ["-O0", "--schedule-seed=1"]])


if __name__ == "__main__":
    run_tests([random_bits, counters_carry, uniform_numbers, transforms_of_all_small_lengths,
               transforms_of_larger_lengths, transforms_of_several_dims])
