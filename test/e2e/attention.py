#!/usr/bin/env python3
"""Attention in one kernel against the evaluator and the interpreter: sizes around the borders of
blocks, register tiles and vectors; heads, query groups, masks, types; targets, schedules, threads.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import check, run_tests, tenon

VARIANTS = [[], ["-O0"], ["--target=x86-64-v2", "--threads=3"], ["--target=x86-64-v3", "--threads=2"],
            ["--target=x86-64-v4", "--threads=8"], ["--schedule-seed=1"], ["--schedule-seed=2", "--threads=3"]]

COMBINERS = """HloModule attention

larger {
  a = TYPE[] parameter(0)
  b = TYPE[] parameter(1)
  ROOT r = TYPE[] maximum(a, b)
}

sum {
  a = TYPE[] parameter(0)
  b = TYPE[] parameter(1)
  ROOT r = TYPE[] add(a, b)
}

"""


def softmax(kind, dims, last):
    """Lines from `s` to `p`, over dim `last`."""
    full, rows = ",".join(map(str, dims)), ",".join(str(d) for i, d in enumerate(dims) if i != last)
    kept = ",".join(str(i) for i in range(len(dims)) if i != last)
    return f"""  lowest = {kind}[] constant(-inf)
  m = {kind}[{rows}] reduce(s, lowest), dimensions={{{last}}}, to_apply=larger
  mb = {kind}[{full}] broadcast(m), dimensions={{{kept}}}
  x = {kind}[{full}] subtract(s, mb)
  e = {kind}[{full}] exponential(x)
  zero = {kind}[] constant(0)
  t = {kind}[{rows}] reduce(e, zero), dimensions={{{last}}}, to_apply=sum
  tb = {kind}[{full}] broadcast(t), dimensions={{{kept}}}
  p = {kind}[{full}] divide(e, tb)
"""


def heads(rows, keys, count, depth, kind="f32", mask="", wide=None):
    """[rows, count, depth] by [keys, count, depth], heads in their places."""
    full, wide = f"{count},{rows},{keys}", wide or kind
    masks = {
        "": f"  s = {wide}[{full}] multiply(d, cb)\n",
        "add": f"""  b = {wide}[{keys}] parameter(3)
  bb = {wide}[{full}] broadcast(b), dimensions={{2}}
  s0 = {wide}[{full}] multiply(d, cb)
  s = {wide}[{full}] add(s0, bb)
""",
        "causal": f"""  i = s32[{full}] iota(), iota_dimension=1
  j = s32[{full}] iota(), iota_dimension=2
  after = pred[{full}] compare(i, j), direction=GE
  never = {wide}[] constant(-1e4)
  never_b = {wide}[{full}] broadcast(never), dimensions={{}}
  s0 = {wide}[{full}] multiply(d, cb)
  s = {wide}[{full}] select(after, s0, never_b)
""",
    }
    narrow = f"  pn = {kind}[{full}] convert(p)\n" if wide != kind else f"  pn = {kind}[{full}] copy(p)\n"
    return COMBINERS.replace("TYPE", wide) + f"""ENTRY main {{
  q = {kind}[{rows},{count},{depth}] parameter(0)
  k = {kind}[{keys},{count},{depth}] parameter(1)
  v = {kind}[{keys},{count},{depth}] parameter(2)
  d = {wide}[{full}] dot(q, k), lhs_batch_dims={{1}}, lhs_contracting_dims={{2}}, rhs_batch_dims={{1}}, rhs_contracting_dims={{2}}
  c = {wide}[] constant(0.25)
  cb = {wide}[{full}] broadcast(c), dimensions={{}}
{masks[mask]}{softmax(wide, [count, rows, keys], 2)}{narrow}\
  o = {kind}[{count},{rows},{depth}] dot(pn, v), lhs_batch_dims={{0}}, lhs_contracting_dims={{2}}, rhs_batch_dims={{1}}, rhs_contracting_dims={{0}}
  ROOT r = {kind}[{rows},{count},{depth}] transpose(o), dimensions={{1,0,2}}
}}
"""


def query_groups(rows, keys, groups, queries, depth):
    """Several heads of queries for one of keys; [groups, queries, rows, depth]."""
    full = f"{groups},{queries},{rows},{keys}"
    return COMBINERS.replace("TYPE", "f32") + f"""ENTRY main {{
  q = f32[{groups},{queries},{rows},{depth}] parameter(0)
  k = f32[{groups},{keys},{depth}] parameter(1)
  v = f32[{groups},{keys},{depth}] parameter(2)
  s = f32[{full}] dot(q, k), lhs_batch_dims={{0}}, lhs_contracting_dims={{3}}, rhs_batch_dims={{0}}, rhs_contracting_dims={{2}}
{softmax("f32", [groups, queries, rows, keys], 3)}\
  ROOT o = f32[{groups},{queries},{rows},{depth}] dot(p, v), lhs_batch_dims={{0}}, lhs_contracting_dims={{3}}, rhs_batch_dims={{0}}, rhs_contracting_dims={{1}}
}}
"""


def repeated(rows, keys, groups, queries, depth):
    """Keys and values that are written out once for each head that uses them."""
    count = groups * queries
    full = f"{count},{rows},{keys}"
    lines = "".join(f"""  {name} = f32[{keys},{groups},{depth}] parameter({number})
  {name}b = f32[{keys},{groups},{queries},{depth}] broadcast({name}), dimensions={{0,1,3}}
  {name}r = f32[{keys},{count},{depth}] reshape({name}b)
""" for number, name in [(1, "k"), (2, "v")])
    return COMBINERS.replace("TYPE", "f32") + f"""ENTRY main {{
  q = f32[{rows},{count},{depth}] parameter(0)
{lines}  s = f32[{full}] dot(q, kr), lhs_batch_dims={{1}}, lhs_contracting_dims={{2}}, rhs_batch_dims={{1}}, rhs_contracting_dims={{2}}
{softmax("f32", [count, rows, keys], 2)}\
  ROOT o = f32[{count},{rows},{depth}] dot(p, vr), lhs_batch_dims={{0}}, lhs_contracting_dims={{2}}, rhs_batch_dims={{1}}, rhs_contracting_dims={{0}}
}}
"""


def cached(old, new, rows, count, depth):
    """Keys and values of a cache, and new ones behind it."""
    keys = old + new
    full = f"{count},{rows},{keys}"
    return COMBINERS.replace("TYPE", "f32") + f"""ENTRY main {{
  q = f32[{rows},{count * depth}] parameter(0)
  ko = f32[{count},{old},{depth}] parameter(1)
  vo = f32[{count},{old},{depth}] parameter(2)
  kn = f32[{new},{count * depth}] parameter(3)
  vn = f32[{new},{count * depth}] parameter(4)
  qh = f32[{rows},{count},{depth}] reshape(q)
  kh = f32[{new},{count},{depth}] reshape(kn)
  vh = f32[{new},{count},{depth}] reshape(vn)
  kt = f32[{count},{new},{depth}] transpose(kh), dimensions={{1,0,2}}
  vt = f32[{count},{new},{depth}] transpose(vh), dimensions={{1,0,2}}
  k = f32[{count},{keys},{depth}] concatenate(ko, kt), dimensions={{1}}
  v = f32[{count},{keys},{depth}] concatenate(vo, vt), dimensions={{1}}
  s = f32[{full}] dot(qh, k), lhs_batch_dims={{1}}, lhs_contracting_dims={{2}}, rhs_batch_dims={{0}}, rhs_contracting_dims={{2}}
{softmax("f32", [count, rows, keys], 2)}  ROOT o = f32[{count},{rows},{depth}] dot(p, v), lhs_batch_dims={{0}}, lhs_contracting_dims={{2}}, rhs_batch_dims={{0}}, rhs_contracting_dims={{1}}
}}
"""


def compare(folder, text, kernels=1, variants=VARIANTS):
    """The backends agree, and the chosen plan has so many kernels."""
    path = os.path.join(folder, "program.hlo")
    with open(path, "w") as file:
        file.write(text)
    plan = tenon("compile", path, "--emit=plan", "-o", "-")
    check(kernels in (None, plan.count("\n  run ")), f"not {kernels} kernels:\n{plan}")
    for seed, variant in enumerate(variants):
        tenon("run", path, "--in", f"random:{seed + 1}", "--backend=eval,plan,cpu", *variant)


def sizes(folder):
    for rows, keys, count, depth in [(7, 13, 3, 5), (1, 1, 1, 1), (1, 17, 2, 8), (2, 3, 1, 4), (16, 16, 4, 16),
                                     (17, 33, 2, 31), (31, 70, 1, 64), (5, 1, 3, 2), (3, 257, 2, 1),
                                     (1, 30, 1, 8)]:
        compare(folder, heads(rows, keys, count, depth), kernels=None if keys == 1 else 1)


def blocks(folder):
    """Rows of which all scores are too many for the cache, with and without a rest; few heads."""
    for rows, keys, count, depth in [(577, 577, 2, 8), (101, 3001, 1, 4), (512, 512, 4, 8), (64, 2048, 1, 4)]:
        compare(folder, heads(rows, keys, count, depth), variants=[[], ["--threads=3", "--schedule-seed=1"]])


def masks(folder):
    for mask in ["add", "causal"]:
        for rows, keys in [(7, 13), (16, 32), (1, 9)]:
            compare(folder, heads(rows, keys, 3, 5, mask=mask))


def types(folder):
    for kind, wide in [("f64", None), ("f16", None), ("bf16", None), ("bf16", "f32"), ("f16", "f32")]:
        compare(folder, heads(9, 21, 2, 6, kind=kind, wide=wide))


def shared_keys(folder):
    for shape in [(7, 13, 2, 3, 5), (1, 13, 2, 5, 8), (16, 40, 1, 4, 16)]:
        compare(folder, query_groups(*shape))
        compare(folder, repeated(*shape))


def caches(folder):
    for old, new, rows, count, depth in [(40, 1, 1, 3, 8), (7, 1, 1, 2, 5), (33, 3, 3, 2, 16), (2, 1, 1, 1, 1),
                                          (100, 1, 1, 1, 16)]:
        compare(folder, cached(old, new, rows, count, depth))
    compare(folder, cached(20, 12, 12, 2, 8), kernels=2)


run_tests([caches, sizes, blocks, masks, types, shared_keys])
