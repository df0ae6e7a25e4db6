#!/usr/bin/env python3
"""Programs in every type of at most 16 bits: what is not elementwise, through evaluator, plan and native code.

One program a type: reductions, contractions, windows, movement, control flow. Data are random; results must agree with the
evaluator's, and plan and native code to the bit. Every value of the elementwise operations is in test/unit/cpu.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import subprocess
import tempfile

FLOATS = ["f4e2m1fn", "f8e3m4", "f8e4m3", "f8e4m3b11fnuz", "f8e4m3fn", "f8e4m3fnuz", "f8e5m2", "f8e5m2fnuz", "f8e8m0fnu",
          "f16", "bf16"]
INTEGERS = ["s1", "s2", "s4", "u1", "u2", "u4"]

# T: the type; W: a wider one that sums go to; Z: a number of the type to begin with.
PROGRAM = """HloModule types

add { a = T[] parameter(0) b = T[] parameter(1) ROOT r = T[] add(a, b) }
multiply { a = T[] parameter(0) b = T[] parameter(1) ROOT r = T[] multiply(a, b) }
maximum { a = T[] parameter(0) b = T[] parameter(1) ROOT r = T[] maximum(a, b) }
minimum { a = T[] parameter(0) b = T[] parameter(1) ROOT r = T[] minimum(a, b) }
less { a = T[] parameter(0) b = T[] parameter(1) ROOT r = pred[] compare(a, b), direction=LT }
odd { a = T[] parameter(0) b = T[] parameter(1) n = T[] negate(b) c = pred[] compare(a, n), direction=GT
  ROOT r = T[] select(c, a, b) }
test { s = (s32[], T[7,70]) parameter(0) i = s32[] get-tuple-element(s), index=0 n = s32[] constant(5)
  ROOT r = pred[] compare(i, n), direction=LT }
body { s = (s32[], T[7,70]) parameter(0) i = s32[] get-tuple-element(s), index=0 x = T[7,70] get-tuple-element(s), index=1
  one = s32[] constant(1) j = s32[] add(i, one) z = s32[] constant(0)
  row = T[1,70] dynamic-slice(x, i, z), dynamic_slice_sizes={1,70}
  twice = T[1,70] maximum(row, row)
  y = T[7,70] dynamic-update-slice(x, twice, j, z)
  ROOT r = (s32[], T[7,70]) tuple(j, y) }
left { x = T[7,70] parameter(0) ROOT r = T[7,70] maximum(x, x) }
right { x = T[7,70] parameter(0) ROOT r = T[7,70] reverse(x), dimensions={1} }

ENTRY e {
  x = T[7,70] parameter(0)
  y = T[70,9] parameter(1)
  p = s32[] parameter(2)
  i = s32[4] parameter(3)
  z = T[] constant(Z)
  sum = T[7] reduce(x, z), dimensions={1}, to_apply=add
  largest = T[70] reduce(x, z), dimensions={0}, to_apply=maximum
  smallest = T[7] reduce(x, z), dimensions={1}, to_apply=minimum
  other = T[7] reduce(x, z), dimensions={1}, to_apply=odd
  product = W[7,9] dot(x, y), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  own = T[7,9] dot(x, y), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  image = T[1,7,10,7] reshape(x)
  wide = T[7,10,7] reshape(x)
  big4 = T[7,10,7,3] broadcast(wide), dimensions={0,1,2}
  big = T[3,7,7,10] transpose(big4), dimensions={3,0,2,1}
  weights = T[3,3,7,10] slice(big), slice={[0:3],[0:3],[0:7],[0:10]}
  conv = W[1,7,10,10] convolution(image, weights), window={size=3x3 pad=1_1x1_1}, dim_labels=b01f_01io->b01f
  window = T[7,68] reduce-window(x, z), window={size=1x3}, to_apply=maximum
  sums = T[7,70] reduce-window(x, z), window={size=1x3 pad=0_0x2_0}, to_apply=add
  turned = T[70,7] transpose(x), dimensions={1,0}
  padded = T[9,75] pad(x, z), padding=1_1x2_3
  joined = T[14,70] concatenate(x, x), dimensions={0}
  rows = T[4,70] gather(x, i), offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0}, index_vector_dim=1, slice_sizes={1,70}
  zero = s32[] constant(0)
  part = T[3,20] dynamic-slice(x, p, zero), dynamic_slice_sizes={3,20}
  state = (s32[], T[7,70]) tuple(zero, x)
  looped = (s32[], T[7,70]) while(state), condition=test, body=body
  loop = T[7,70] get-tuple-element(looped), index=1
  choice = T[7,70] conditional(p, x, x), branch_computations={left, right}
  sorted = T[7,70] sort(x), dimensions={1}, is_stable=true, to_apply=less
  MORE
  ROOT t = (T[7], T[70], T[7], T[7], W[7,9], T[7,9], W[1,7,10,10], T[7,68], T[7,70], T[70,7], T[9,75], T[14,70], T[4,70], T[3,20], T[7,70], T[7,70], T[7,70]MORE_TYPES) tuple(sum, largest, smallest, other, product, own, conv, window, sums, turned, padded, joined, rows, part, loop, choice, sortedMORE_NAMES)
}
"""

VARIANTS = [[], ["-O0", "--target=x86-64-v2"], ["--target=x86-64-v3", "--threads=3", "--schedule-seed=3"]]


def program(name):
    wide = "f32" if name.startswith(("f", "b")) else "s32"
    zero = "1" if name == "f8e8m0fnu" else "0"
    more, types, names = "", "", ""
    if name != "f8e8m0fnu":
        more = f"count = {name}[7,70] iota(), iota_dimension=1"
        types, names = f", {name}[7,70]", ", count"
    text = PROGRAM.replace("MORE_TYPES", types).replace("MORE_NAMES", names).replace("MORE", more)
    return text.replace("T[", name + "[").replace("W[", wide + "[").replace("constant(Z)", f"constant({zero})")


def check(tenon, folder, name):
    path = os.path.join(folder, name + ".hlo")
    with open(path, "w") as file:
        file.write(program(name))
    for options in VARIANTS:
        for backends in ["eval,cpu", "plan,cpu"]:
            words = [tenon, "run", path, "--in", "random:5", f"--backend={backends}", *options]
            if backends == "plan,cpu":
                words += ["--rtol=0", "--atol=0"]
            done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True)
            if done.returncode:
                print(f"not ok types {name} {backends} {' '.join(options)}: status {done.returncode}")
                print("  " + done.stderr.decode("utf-8", "replace").strip().replace("\n", "\n  "))
                return
    print(f"ok types {name}")


def main():
    tenon = os.environ.get("TENON", "tenon")
    with tempfile.TemporaryDirectory() as folder:
        for name in FLOATS + INTEGERS:
            check(tenon, folder, name)


if __name__ == "__main__":
    main()
