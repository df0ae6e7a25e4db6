#!/usr/bin/env python3
"""sort, topk and known custom calls against the evaluator: sizes around the borders of the
algorithms, types, dims, comparators of every form, some of them no order at all.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import SANITIZED, TENON, check, run_tests, tenon, write_npz

VARIANTS = [[], ["-O0"], ["--target=x86-64-v3", "--threads=8"], ["--target=x86-64-v2", "--threads=3"],
            ["--schedule-seed=1"]]

# Of two values of one type: a, b.
ORDERS = {
    "up": "ROOT r = pred[] compare(a, b), direction=LT",
    "down": "ROOT r = pred[] compare(a, b), direction=GT",
    "turned": "ROOT r = pred[] compare(b, a), direction=LT",
    "or_equal": "ROOT r = pred[] compare(a, b), direction=LE",
    "different": "ROOT r = pred[] compare(a, b), direction=NE",
    "always": "ROOT r = pred[] constant(true)",
    "never": "ROOT r = pred[] constant(false)",
    "one_side": "z = TYPE[] constant(0) ROOT r = pred[] compare(a, z), direction=LT",
    "magnitude": "x = TYPE[] multiply(a, a) y = TYPE[] multiply(b, b) ROOT r = pred[] compare(x, y), direction=LT",
}


def comparators(types):
    """The text of all orders of each type, as NAME_TYPE."""
    return "".join(f"{name}_{kind} {{\n  a = {kind}[] parameter(0)\n  b = {kind}[] parameter(1)\n"
                   f"  {body.replace('TYPE', kind)}\n}}\n\n" for kind in types for name, body in ORDERS.items())


def compare(folder, head, lines, results, parameters, inputs=None, variants=VARIANTS):
    """The backends agree on a program of one entry that returns `results`, (name, shape) each."""
    path = os.path.join(folder, "program.hlo")
    with open(path, "w") as file:
        file.write("HloModule program\n\n" + head + "ENTRY main {\n")
        file.writelines(f"  p{number} = {shape} parameter({number})\n" for number, shape in enumerate(parameters))
        file.writelines(f"  {line}\n" for line in lines)
        shapes, names = ", ".join(shape for _, shape in results), ", ".join(name for name, _ in results)
        file.write(f"  ROOT all = ({shapes}) tuple({names})\n}}\n")
    for seed, variant in enumerate(variants):
        given = inputs or f"random:{seed + 1}"
        tenon("run", path, "--in", given, "--backend=eval,plan,cpu", *variant)


def sizes_of_rows(folder):
    """Rows around the borders of merging and radix sorting, kept and picked elements."""
    lines, results, parameters = [], [], []
    for size in [1, 2, 3, 8, 31, 32, 33, 64, 127, 128, 129, 255, 1000, 5000]:
        number = len(parameters)
        parameters.append(f"f32[3,{size}]")
        for name in ["up", "down", "magnitude", "or_equal"][:4 if size < 1000 else 2]:
            lines.append(f"{name}{size} = f32[3,{size}] sort(p{number}), dimensions={{1}}, to_apply={name}_f32")
            results.append((f"{name}{size}", f"f32[3,{size}]"))
        for k in sorted({1, size // 8, size // 2, size, min(size, 128), min(size, 129)} - {0}):
            shape = f"(f32[3,{k}], s32[3,{k}])"
            lines.append(f"top{size}_{k} = {shape} topk(p{number}), k={k}, largest={'true' if k % 2 else 'false'}")
            results.append((f"top{size}_{k}", shape))
    compare(folder, comparators(["f32"]), lines, results, parameters)


def types_of_elements(folder):
    types = ["s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f16", "bf16", "f32", "f64", "f8e5m2", "s4", "u4"]
    lines, results = [], []
    for kind in types:
        for size, name in [(150, "p0"), (40, "p1")]:
            given = f"{kind}_{size}"
            lines.append(f"{given} = {kind}[2,{size}] convert({name})")
            for order in ["up", "down", "or_equal"]:
                lines.append(f"{order}_{given} = {kind}[2,{size}] sort({given}), dimensions={{1}},"
                             f" to_apply={order}_{kind}")
                # 4-bit results are not compared as files: widen them.
                lines.append(f"w_{order}_{given} = f64[2,{size}] convert({order}_{given})")
                results.append((f"w_{order}_{given}", f"f64[2,{size}]"))
    compare(folder, comparators(types), lines, results, ["f32[2,150]", "f32[2,40]"])


def every_dim(folder):
    dims = [2, 3, 5, 4, 3, 6]
    lines, results = [], []
    for rank in range(1, 7):
        shape = ",".join(map(str, dims[:rank]))
        for dim in range(rank):
            both = f"(f32[{shape}], s32[{shape}])"
            name = f"r{rank}_{dim}"
            lines.append(f"i{name} = s32[{shape}] iota(), iota_dimension={dim}")
            lines.append(f"{name} = {both} sort(p{rank - 1}, i{name}), dimensions={{{dim}}}, to_apply=pair")
            results.append((name, both))
    head = ("pair {\n  a = f32[] parameter(0)\n  b = f32[] parameter(1)\n  i = s32[] parameter(2)\n"
            "  j = s32[] parameter(3)\n  ROOT r = pred[] compare(a, b), direction=LT\n}\n\n")
    compare(folder, head, lines, results, [f"f32[{','.join(map(str, dims[:r + 1]))}]" for r in range(6)])


def no_orders(folder):
    """Comparators that contradict themselves give the same everywhere."""
    lines, results = [], []
    for name in ORDERS:
        lines.append(f"{name} = f32[3,77] sort(p0), dimensions={{1}}, to_apply={name}_f32")
        results.append((name, "f32[3,77]"))
    both = "(f32[3,77], s32[3,77])"
    lines.append(f"drawn = {both} sort(p0, p1), dimensions={{1}}, to_apply=drawn")
    results.append(("drawn", both))
    head = comparators(["f32"]) + """drawn {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  i = s32[] parameter(2)
  j = s32[] parameter(3)
  c = s32[] constant(1103515245)
  x = s32[] multiply(i, c)
  y = s32[] xor(x, j)
  w = s32[] multiply(y, c)
  s = s32[] constant(17)
  v = s32[] shift-right-logical(w, s)
  o = s32[] constant(1)
  q = s32[] and(v, o)
  ROOT r = pred[] compare(q, o), direction=EQ
}

"""
    compare(folder, head, lines, results, ["f32[3,77]", "s32[3,77]"])


def several_keys(folder):
    """Keys by `or` and `and`, by `select`, in calls, with equal elements; more than four of them."""
    head = """called { a = f64[] parameter(0) b = f64[] parameter(1) ROOT r = pred[] compare(a, b), direction=LT, type=TOTALORDER }
by_call {
  a = f64[] parameter(0) b = f64[] parameter(1) i = s8[] parameter(2) j = s8[] parameter(3) k = u64[] parameter(4) l = u64[] parameter(5)
  ROOT r = pred[] call(b, a), to_apply=called
}
by_or {
  a = f64[] parameter(0) b = f64[] parameter(1) i = s8[] parameter(2) j = s8[] parameter(3) k = u64[] parameter(4) l = u64[] parameter(5)
  e = pred[] compare(j, i), direction=EQ f = pred[] compare(k, l), direction=GT g = pred[] and(e, f)
  h = pred[] compare(i, j), direction=LT ROOT r = pred[] or(g, h)
}
by_select {
  a = f64[] parameter(0) b = f64[] parameter(1) i = s8[] parameter(2) j = s8[] parameter(3) k = u64[] parameter(4) l = u64[] parameter(5)
  e = pred[] compare(i, j), direction=EQ c = pred[] compare(k, l), direction=GT d = pred[] compare(a, b), direction=LT
  ee = pred[] compare(k, l), direction=EQ s = pred[] select(ee, d, c) g = pred[] compare(j, i), direction=GT
  ROOT r = pred[] select(e, s, g)
}
by_sum {
  a = f64[] parameter(0) b = f64[] parameter(1) i = s8[] parameter(2) j = s8[] parameter(3) k = u64[] parameter(4) l = u64[] parameter(5)
  x = f64[] convert(i) y = f64[] convert(j) u = f64[] add(a, x) v = f64[] add(b, y) ROOT r = pred[] compare(u, v), direction=GT
}
"""
    lines, results = ["i = s8[4,300] convert(p1)", "k = u64[4,300] convert(p2)", "d = f64[4,300] convert(p0)"], []
    shape = "(f64[4,300], s8[4,300], u64[4,300])"
    for name in ["by_call", "by_or", "by_select", "by_sum"]:
        lines.append(f"{name} = {shape} sort(d, i, k), dimensions={{1}}, to_apply={name}")
        results.append((name, shape))
    compare(folder, head, lines, results, ["s32[4,300]", "s8[4,300]", "u8[4,300]"])


def complex_elements(folder):
    head = """by_parts { a = c64[] parameter(0) b = c64[] parameter(1) x = f32[] real(a) y = f32[] real(b) l = pred[] compare(x, y), direction=LT
  e = pred[] compare(x, y), direction=EQ u = f32[] imag(a) v = f32[] imag(b) m = pred[] compare(u, v), direction=LT n = pred[] and(e, m) ROOT r = pred[] or(l, n) }
by_both { a = c64[] parameter(0) b = c64[] parameter(1) ROOT l = pred[] compare(a, b), direction=NE }
by_product { a = c64[] parameter(0) b = c64[] parameter(1) x = c64[] multiply(a, a) y = c64[] multiply(b, b) u = f32[] imag(x) v = f32[] imag(y) ROOT l = pred[] compare(u, v), direction=LT }
"""
    lines = ["x = f32[3,140] convert(p0)", "y = f32[3,140] convert(p1)", "c = c64[3,140] complex(x, y)"]
    results = []
    for name in ["by_parts", "by_both", "by_product"]:
        for dim in range(2):
            lines.append(f"{name}{dim} = c64[3,140] sort(c), dimensions={{{dim}}}, to_apply={name}")
            results.append((f"{name}{dim}", "c64[3,140]"))
    compare(folder, head, lines, results, ["s8[3,140]", "s8[3,140]"])


def special_floats(folder):
    """NaNs of both signs, zeros of both signs, infinities, with < and with totalOrder."""
    nan, infinity = float("nan"), float("inf")
    row = [nan, 1.0, -0.0, 0.0, -nan, -infinity, 2.0, infinity, 0.0, -0.0, -1.0, 1.0] * 12
    path = os.path.join(folder, "in.npz")
    write_npz(path, {"p0": ((2, 144), row + sorted(range(144), key=lambda i: i * 37 % 144))})
    head = comparators(["f32"]) + ("total { a = f32[] parameter(0) b = f32[] parameter(1)"
                                   " ROOT r = pred[] compare(a, b), direction=GT, type=TOTALORDER }\n\n")
    lines, results = [], []
    for name in ["up_f32", "down_f32", "or_equal_f32", "total"]:
        for operand, size in [("p0", 144), ("s", 24)]:
            if operand == "s" and name == "up_f32":
                lines.append("s = f32[2,24] slice(p0), slice={[0:2], [5:29]}")
            lines.append(f"{name}{size} = f32[2,{size}] sort({operand}), dimensions={{1}}, to_apply={name}")
            # Signs of zeros and NaNs count.
            lines.append(f"b{name}{size} = s32[2,{size}] bitcast-convert({name}{size})")
            results.append((f"b{name}{size}", f"s32[2,{size}]"))
    for largest in ["true", "false"]:
        shape = "(f32[2,9], s32[2,9])"
        lines.append(f"top{largest} = {shape} topk(p0), k=9, largest={largest}")
        results.append((f"top{largest}", shape))
    compare(folder, head, lines, results, ["f32[2,144]"], path)


def large_rows(folder):
    """Nothing large is on the stack."""
    size = 20000 if SANITIZED else 300000
    both = f"(f32[{size}], s32[{size}])"
    head = comparators(["s32"]) + ("pair { a = f32[] parameter(0) b = f32[] parameter(1) i = s32[] parameter(2) j = s32[] parameter(3)"
                                   " ROOT r = pred[] compare(a, b), direction=LT }\n\n")
    lines = [f"i = s32[{size}] iota(), iota_dimension=0", f"a = {both} sort(p0, i), dimensions={{0}}, to_apply=pair",
             f"b = s32[{size}] sort(p1), dimensions={{0}}, to_apply=up_s32"]
    compare(folder, head, lines, [("a", both), ("b", f"s32[{size}]")], [f"f32[{size}]", f"s32[{size}]"],
            variants=[[], ["-O0", "--target=x86-64-v2"]])


def custom_calls(folder):
    """The known ones run; others are refused with their name."""
    lines = ['a = f32[4,9] custom-call(p0), custom_call_target="Sharding"',
             'b = (f32[4,3], s32[4,3]) custom-call(a), custom_call_target="TopK", called_computations={down_f32}']
    compare(folder, comparators(["f32"]), lines, [("a", "f32[4,9]"), ("b", "(f32[4,3], s32[4,3])")], ["f32[4,9]"])
    path = os.path.join(folder, "unknown.hlo")
    with open(path, "w") as file:
        file.write('ENTRY main {\n  p = f32[4] parameter(0)\n'
                   '  ROOT r = f32[4] custom-call(p), custom_call_target="Mystery"\n}\n')
    done = subprocess.run([TENON, "compile", path, "-o", os.path.join(folder, "x.o")], capture_output=True, text=True)
    check(done.returncode == 4 and 'custom-call: target "Mystery" has no meaning here' in done.stderr, done.stderr)


if __name__ == "__main__":
    run_tests([sizes_of_rows, types_of_elements, every_dim, no_orders, several_keys, complex_elements, special_floats,
               large_rows, custom_calls])
