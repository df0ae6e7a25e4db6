#!/usr/bin/env python3
"""examples/accelerator from the installed tree: a program without the compiler runs streams on both devices.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import sys
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import BUILD, ROOT, SANITIZED, check, npy_bytes, parse_npy, run, run_tests, tenon

EXAMPLE = os.path.join(ROOT, "examples", "accelerator")
TARGETS = os.path.join(ROOT, "examples", "targets")
# The product is the array's, the exponential the host's.
MODEL = """HloModule mixed
ENTRY main {
  x = f32[4,24] parameter(0)
  w = f32[24,4] constant({...})
  d = f32[4,4] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  ROOT e = f32[4,4] exponential(d)
}
"""


def build(folder, command):
    """The example, through `command`'s build system; its path."""
    prefix = os.path.join(folder, "prefix")
    run("cmake", "--install", BUILD, "--prefix", prefix)
    if command == "cmake":
        out = os.path.join(folder, "build")
        run("cmake", "-G", "Ninja", "-S", EXAMPLE, "-B", out, f"-DCMAKE_PREFIX_PATH={prefix}")
        run("cmake", "--build", out)
        return os.path.join(out, "accelerator")
    for place, _, files in os.walk(prefix):
        if "libtenon-device.a" in files:
            library = os.path.join(place, "libtenon-device.a")
    program = os.path.join(folder, "accelerator")
    run("cc", "-std=c99", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror", f"-I{prefix}/include",
        os.path.join(EXAMPLE, "main.c"), library, "-lpthread", "-ldl", "-lm", "-o", program)
    return program


def results(text):
    """The numbers of the line of r0."""
    line = next(line for line in text.splitlines() if line.startswith("r0: "))
    return [float(word) for word in line.split("]")[1].split()]


def same_on_both(folder, program, model, dims, *options):
    values = [((i * 37) % 101 - 50) / 64 for i in range(dims[0] * dims[1] * (dims[2] * dims[3] if len(dims) > 2 else 1))]
    array = os.path.join(folder, "x.npy")
    with open(array, "wb") as file:
        file.write(npy_bytes(dims, values))
    stream, expected = os.path.join(folder, "m.tns"), os.path.join(folder, "y.npz")
    tenon("compile", model, *options, "-o", stream)
    tenon("run", stream, "--in", f"p0={array}", "--out", expected)
    with zipfile.ZipFile(expected) as archive:
        wanted = list(parse_npy(archive.read("r0.npy"))[1])[:16]
    timed, functional = run(program, stream, array), run(program, "--functional", stream, array)
    check("cycles of the array" in timed and "cycles of the array" not in functional, timed + functional)
    for text in timed, functional:
        got = results(text)
        check(len(got) == len(wanted) and all(abs(a - b) <= 1e-5 * max(1, abs(b)) for a, b in zip(got, wanted)),
              f"{got} instead of {wanted}")


def digits_through_cmake(folder):
    program = build(folder, "cmake")
    same_on_both(folder, program, os.path.join(ROOT, "examples", "digits", "cnn.hlo"), [1, 8, 8, 1],
                 f"--target={TARGETS}/gemmini.target", "--set", "operand=f32")


def a_part_on_the_host_through_cc(folder):
    program, model = build(folder, "cc"), os.path.join(folder, "mixed.hlo")
    with open(model, "w") as file:
        file.write(MODEL)
    options = [f"--target={TARGETS}/gemmini.target", "--set", "operand=f32", "--fill-elided=random:1"]
    same_on_both(folder, program, model, [4, 24], *options)
    library = os.path.join(folder, "m.host.so")
    check(os.path.exists(library), "nothing ran on the host")
    with open(library, "ab") as file:
        file.write(b"\0")
    done = run(program, os.path.join(folder, "m.tns"), status=1)
    check(not done, done)
    os.remove(library)
    run(program, os.path.join(folder, "m.tns"), status=1)


def main():
    if SANITIZED:
        print("skip accelerator: the release build is what is installed")
        return
    run_tests([digits_through_cmake, a_part_on_the_host_through_cc])


if __name__ == "__main__":
    main()
