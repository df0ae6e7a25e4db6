#!/usr/bin/env python3
"""Operations that passes write out as simpler ones, compared with the evaluator: one program
a family, with every type and many shapes, on the plan and natively.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import check, run_tests, tenon

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


def numbers_keyed_by_the_instruction(folder):
    lines, results = [], []
    for i, kind in enumerate(["f16", "bf16", "f32", "f64", "s8", "u8", "s16", "s32", "u32", "s64", "u64"]):
        low, high = ("-1.5", "2.25") if "f" in kind else ("3", "100") if kind[0] == "u" else ("-7", "90")
        lines += [f"a{i} = {kind}[] constant({low})", f"b{i} = {kind}[] constant({high})",
                  f"r{i} = {kind}[3,40] rng(a{i}, b{i}), distribution=rng_uniform",
                  f"e{i} = {kind}[7] rng(b{i}, b{i}), distribution=rng_uniform"]
        results += [(f"r{i}", f"{kind}[3,40]"), (f"e{i}", f"{kind}[7]")]
        if "f" in kind:
            lines.append(f"n{i} = {kind}[50] rng(a{i}, b{i}), distribution=rng_normal")
            results.append((f"n{i}", f"{kind}[50]"))
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


DYNAMIC = """HloModule dynamic

add { a = s32[] parameter(0)  b = s32[] parameter(1)  ROOT r = s32[] add(a, b) }
larger { a = s32[] parameter(0)  b = s32[] parameter(1)  ROOT r = s32[] maximum(a, b) }
odd { a = s32[] parameter(0)  b = s32[] parameter(1)  c = s32[] multiply(a, b)  ROOT r = s32[] subtract(c, b) }
less { a = s32[] parameter(0)  b = s32[] parameter(1)  ROOT r = pred[] compare(a, b), direction=LT }
two { a = s32[] parameter(0)  b = s32[] parameter(1)  c = s32[] parameter(2)  d = s32[] parameter(3)
      e = s32[] add(a, c)  f = s32[] minimum(b, d)  ROOT r = (s32[], s32[]) tuple(e, f) }
weigh { x = s32[<=7] parameter(0)
  i = s32[7] iota(), iota_dimension=0  o = s32[] constant(1)  ones = s32[7] broadcast(o), dimensions={}
  j = s32[7] add(i, ones)  y = s32[<=7] multiply(x, j)  z = s32[] constant(0)
  ROOT r = s32[] reduce(y, z), dimensions={0}, to_apply=add }
double { x = s32[<=7] parameter(0)  ROOT y = s32[<=7] add(x, x) }
shift { x = s32[<=7] parameter(0)  ROOT y = s32[<=7] negate(x) }
test { s = (s32[], s32[<=7]) parameter(0)  k = s32[] get-tuple-element(s), index=0
  n = s32[] constant(3)  ROOT p = pred[] compare(k, n), direction=LT }
turn { s = (s32[], s32[<=7]) parameter(0)  k = s32[] get-tuple-element(s), index=0
  x = s32[<=7] get-tuple-element(s), index=1  o = s32[] constant(1)  m = s32[] add(k, o)
  n = s32[] get-dimension-size(x), dimensions={0}  l = s32[] subtract(n, o)
  y = s32[<=7] set-dimension-size(x, l), dimensions={0}  ROOT r = (s32[], s32[<=7]) tuple(m, y) }

ENTRY main {
  p0 = s32[7] parameter(0)
  p1 = s32[4,7] parameter(1)
  p2 = s32[] parameter(2)
  zero = s32[] constant(0)
  three = s32[] constant(3)
  size = s32[] constant(SIZE)
  x = s32[<=7] set-dimension-size(p0, size), dimensions={0}
  m = s32[4,<=7] set-dimension-size(p1, size), dimensions={1}
  mm = s32[<=4,<=7] set-dimension-size(m, three), dimensions={0}
  r0 = s32[] call(x), to_apply=weigh
  back = s32[<=7] reverse(x), dimensions={0}
  r1 = s32[] call(back), to_apply=weigh
  sorted = s32[<=7] sort(x), dimensions={0}, to_apply=less
  r2 = s32[] call(sorted), to_apply=weigh
  r3 = s32[] reduce(x, p2), dimensions={0}, to_apply=larger
  r4 = s32[] reduce(x, p2), dimensions={0}, to_apply=odd
  r5 = (s32[], s32[]) reduce(x, back, p2, p2), dimensions={0}, to_apply=two
  dot = s32[<=4] dot(mm, x), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  r6 = s32[] reduce(dot, zero), dimensions={0}, to_apply=add
  pad = s32[<=10] pad(x, p2), padding=1_2_0
  r7 = s32[] get-dimension-size(pad), dimensions={0}
  r8 = s32[] reduce(pad, zero), dimensions={0}, to_apply=add
  both = s32[<=17] concatenate(x, pad), dimensions={0}
  part = s32[<=7] slice(both), slice={[2:16:2]}
  r9 = s32[] call(part), to_apply=weigh
  turned = s32[<=7,<=4] transpose(mm), dimensions={1,0}
  rows = s32[<=7] reduce(turned, zero), dimensions={1}, to_apply=add
  r10 = s32[] call(rows), to_apply=weigh
  wide = s32[2,<=7] broadcast(x), dimensions={1}
  line = s32[1,2,<=7,1] reshape(wide)
  r11 = s32[] reduce(line, zero), dimensions={0,1,2,3}, to_apply=add
  state = (s32[], s32[<=7]) tuple(zero, x)
  loop = (s32[], s32[<=7]) while(state), condition=test, body=turn
  left = s32[<=7] get-tuple-element(loop), index=1
  r12 = s32[] get-dimension-size(left), dimensions={0}
  r13 = s32[] call(left), to_apply=weigh
  p = pred[] compare(p2, three), direction=LT
  either = s32[<=7] conditional(p, x, back), true_computation=double, false_computation=shift
  r14 = s32[] call(either), to_apply=weigh
  length = s32[] multiply(size, three)
  flat = s32[<=28] dynamic-reshape(mm, length)
  folded = s32[<=7,<=4] dynamic-reshape(flat, size, three)
  columns = s32[<=7] reduce(folded, zero), dimensions={1}, to_apply=larger
  r15 = s32[] call(columns), to_apply=weigh
  whole = s32[7] set-dimension-size(sorted, size), dimensions={0}
  first = s32[3] slice(whole), slice={[0:3]}
  ROOT all = (RESULTS) tuple(NAMES)
}
"""


def dynamic_sizes(folder):
    path = os.path.join(folder, "dynamic.hlo")
    shapes = ["(s32[], s32[])" if i == 5 else "s32[]" for i in range(16)]
    text = DYNAMIC.replace("RESULTS", ", ".join(shapes)).replace("NAMES", ", ".join(f"r{i}" for i in range(16)))
    for size in range(3, 8):
        with open(path, "w") as file:
            file.write(text.replace("SIZE", str(size)))
        for variant in VARIANTS:
            tenon("run", path, "--in", f"random:{size}", "--backend=eval,plan,cpu", *variant)


def rows_sent_to_oneself(folder):
    """Lists that overlap, reach outside, are empty; indices of every kind."""
    lines, results = [], []
    for i, kind in enumerate(["s32", "s64", "u8", "u64"]):
        low = "-1" if kind[0] == "s" else "200"
        lines += [f"from{i} = {kind}[5] constant({{0, 2, 5, {low}, 1}})", f"size{i} = {kind}[5] constant({{2, 3, 9, 2, 0}})",
                  f"to{i} = {kind}[5] constant({{4, 1, 6, 0, 3}})",
                  f"r{i} = f32[7,3] ragged-all-to-all(p0, p1, from{i}, size{i}, to{i}, size{i}), replica_groups={{{{0}}}}"]
        results.append((f"r{i}", "f32[7,3]"))
    compare(folder, lines, results, ["f32[6,3]", "f32[7,3]"])


BOUNDED = """HloModule bounded, input_output_alias={ {1}: (1, {}, may-alias) }
add { a = f32[] parameter(0)  b = f32[] parameter(1)  ROOT r = f32[] add(a, b) }
ENTRY main {
  x = f32[<=6] parameter(0)
  m = f32[3,<=6] parameter(1)
  zero = f32[] constant(0)
  sum = f32[] reduce(x, zero), dimensions={0}, to_apply=add
  rows = f32[3,<=6] broadcast(x), dimensions={1}
  y = f32[3,<=6] multiply(rows, m)
  back = f32[<=6] reverse(x), dimensions={0}
  ROOT all = (f32[], f32[3,<=6], f32[<=6]) tuple(sum, y, back)
}
"""


def bounded_entry(folder):
    """Sizes in, sizes out: behind each array, by name in the header."""
    path = os.path.join(folder, "bounded.hlo")
    with open(path, "w") as file:
        file.write(BOUNDED)
    for seed in range(1, 7):
        tenon("run", path, "--in", f"random:{seed}", "--backend=eval,plan,cpu")
    tenon("compile", path, "-o", os.path.join(folder, "bounded.o"))
    with open(os.path.join(folder, "bounded.h")) as file:
        header = file.read()
    call = header[header.index("int bounded_run("):]
    order = [call.index(word) for word in ("const float *x,", "const int32_t *x_size_0,", "const float *m,",
                                           "const int32_t *m_size_1,", "float *r0,", "float *r1,", "int32_t *r2,")]
    check(order == sorted(order), call[:400])


if __name__ == "__main__":
    run_tests([rows_sent_to_oneself, bounded_entry, dynamic_sizes, random_bits, counters_carry, numbers_keyed_by_the_instruction, transforms_of_all_small_lengths,
               transforms_of_larger_lengths, transforms_of_several_dims])
