#!/usr/bin/env python3
"""Artefacts: each kind that `tenon compile` writes, used the way its users do.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import ROOT, check, npy_bytes, read_npz, run, run_tests, tenon, write_npz

AFFINE = """HloModule affine
ENTRY main {
  x = f32[4,3] parameter(0)
  w = f32[3,2] constant({{1, 2}, {3, 4}, {5, 6}})
  b = f32[2] constant({10, 20})
  d = f32[4,2] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  bb = f32[4,2] broadcast(b), dimensions={1}
  s = f32[4,2] add(d, bb)
  n = f32[4,2] negate(s)
  ROOT t = (f32[4,2], f32[4,2]) tuple(s, n)
}
"""
X = [float(i) for i in range(12)]
R0 = [sum(X[i * 3 + k] * (1 + 2 * k + j) for k in range(3)) + 10 * (j + 1) for i in range(4) for j in range(2)]

CALLER = """
#include "affine.h"
#include "affine.h"
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  static float x[12], r0[8], r1[8];
  void *arena = aligned_alloc(64, (AFFINE_ARENA_SIZE(1) + 64) / 64 * 64);
  for (int i = 0; i < 12; i++) x[i] = (float)i;
  if (affine_run(x, r0, r1, arena, AFFINE_ARENA_SIZE(1), NULL)) return 1;
  for (int i = 0; i < 8; i++) printf("%g %g\\n", r0[i], r1[i]);
  if (affine_run(NULL, r0, r1, arena, AFFINE_ARENA_SIZE(1), NULL) != TN_E_NULL) return 2;
  printf("%s %d %d\\n", affine_signature.name, affine_signature.parameter_count, affine_signature.result_count);
  free(arena);
  return 0;
}
"""


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def expect_lines(output):
    numbers = [tuple(map(float, line.split())) for line in output.splitlines()[:8]]
    check(numbers == [(r, -r) for r in R0], f"got {numbers}, wanted {R0}")


def objects_link_into_C_and_Cxx(folder):
    model = write(folder, "affine.hlo", AFFINE)
    tenon("compile", model, "-o", "affine.o", cwd=folder)
    write(folder, "main.c", CALLER)
    for compiler, standard in (("cc", "c99"), ("c++", "c++17")):
        if compiler == "c++" and run("bash", "-c", "command -v c++ || true").strip() == "":
            continue
        language = ["-x", "c++"] if compiler == "c++" else []
        definitions = ["-D_ISOC11_SOURCE"] if compiler == "cc" else []
        run(compiler, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", *definitions, *language, "-c",
            "main.c", "-o", "main.o", cwd=folder)
        run("cc", "main.o", "affine.o", "-o", "main", *(["-lstdc++"] if language else []), cwd=folder)
        output = run("./main", cwd=folder)
        expect_lines(output)
        check(output.splitlines()[8] == "affine 1 2", output)


def objects_need_three_symbols_at_most(folder):
    model = write(folder, "affine.hlo", AFFINE)
    for target in ("x86-64-v2", "x86-64-v3", "x86-64-v4", "host"):
        tenon("compile", model, f"--target={target}", "-o", "a.o", cwd=folder)
        undefined = {line.split()[-1] for line in run("nm", "-u", "a.o", cwd=folder).splitlines()}
        check(undefined <= {"memcpy", "memmove", "memset"}, f"{target}: {undefined}")


def files_are_the_same_everywhere(folder):
    model = write(folder, "affine.hlo", AFFINE)
    contents = []
    for place, locale in (("one", "C"), ("two", "de_DE.UTF-8")):
        os.mkdir(os.path.join(folder, place))
        os.rename(model, os.path.join(folder, place, "affine.hlo"))
        model = os.path.join(folder, place, "affine.hlo")
        for suffix in ("o", "so", "s", "ll", "plan", "hlo"):
            output = f"out.{suffix}"
            tenon("compile", "affine.hlo", "-o", output, cwd=os.path.join(folder, place), env={"LC_ALL": locale})
        names = sorted(os.listdir(os.path.join(folder, place)))
        names.remove("affine.hlo")
        contents.append([(n, open(os.path.join(folder, place, n), "rb").read()) for n in names])
    for (name, one), (_, two) in zip(*contents):
        check(one == two, f"{name} differs between folders")
    check([n for n, _ in contents[0]] == ["out.h", "out.hlo", "out.ll", "out.o", "out.plan", "out.s", "out.so"],
          str([n for n, _ in contents[0]]))


def libraries_and_objects_run(folder):
    model = write(folder, "affine.hlo", AFFINE)
    write_npz(os.path.join(folder, "case.npz"),
              {"p0": ([4, 3], X), "r0": ([4, 2], R0), "r1": ([4, 2], [-r for r in R0])})
    for artefact in ("affine.so", "affine.o"):
        tenon("compile", model, "-o", artefact, cwd=folder)
        tenon("run", artefact, "--in", "case.npz", "--expect", "case.npz", "--rtol=0", "--atol=0", cwd=folder)
        tenon("run", artefact, "--in", "case.npz", "--out", "got.npz", "--threads=3", cwd=folder)
        check(read_npz(os.path.join(folder, "got.npz"))["r1"] == ([4, 2], [-r for r in R0]), artefact)
    tenon("run", "affine.o", "--in", "case.npz", cwd=folder, env={"CC": "no-such-compiler"}, status=5)


def renamed_symbols(folder):
    model = write(folder, "affine.hlo", AFFINE)
    tenon("compile", model, "--name=other", "-o", "a.so", cwd=folder)
    check("other_run" in run("nm", "-D", "a.so", cwd=folder), "no other_run")
    tenon("run", "a.so", "--in", "random:1", cwd=folder)
    tenon("compile", model, "--name=9lives", "-o", "b.o", cwd=folder, status=2)


def constants_beside_the_object(folder):
    values = ", ".join(str(i % 7) for i in range(4096))
    model = write(folder, "big.hlo", "HloModule big\nENTRY main {\n  x = f32[4096] parameter(0)\n"
                  f"  c = f32[4096] constant({{{values}}})\n  ROOT a = f32[4096] add(x, c)\n}}\n")
    tenon("compile", model, "--constants=file", "-o", "big.o", cwd=folder)
    check(os.path.getsize(os.path.join(folder, "big.bin")) >= 16384, "the side file is too small")
    ones = ([4096], [1.0] * 4096)
    write_npz(os.path.join(folder, "case.npz"), {"p0": ones, "r0": ([4096], [1.0 + i % 7 for i in range(4096)])})
    tenon("run", "big.o", "--in", "case.npz", "--expect", "case.npz", "--rtol=0", "--atol=0", cwd=folder)
    with open(os.path.join(folder, "big.bin"), "r+b") as file:
        file.seek(100)
        file.write(b"\xff\xff")
    tenon("run", "big.o", "--in", "case.npz", cwd=folder, status=3)


def programs_read_and_write_arrays(folder):
    model = write(folder, "affine.hlo", AFFINE)
    tenon("compile", model, "-o", "affine", cwd=folder)
    with open(os.path.join(folder, "x.npy"), "wb") as file:
        file.write(npy_bytes([4, 3], X))
    for deflate in (False, True):
        name = f"in{deflate}.npz"
        write_npz(os.path.join(folder, name), {"x": ([4, 3], X), "r0": ([1], [0.0])}, deflate)
        run("./affine", "--in", name, "--out=got.npz", "--threads", "2", cwd=folder)
        got = read_npz(os.path.join(folder, "got.npz"))
        check(got == {"r0": ([4, 2], R0), "r1": ([4, 2], [-r for r in R0])}, str(got))
    printed = run("./affine", "x.npy", cwd=folder)
    check(printed.startswith("r0: f32[4,2] {{" + f"{R0[0]:g}, {R0[1]:g}}}"), printed)
    check(run("./affine", "x=x.npy", cwd=folder) == printed, "NAME=FILE differs")
    check("p0 x: f32[4,3]" in run("./affine", "--help", cwd=folder), "no help")
    run("./affine", "random:3", cwd=folder)
    run("./affine", cwd=folder, status=2)
    run("./affine", "y=x.npy", cwd=folder, status=2)
    run("./affine", "affine.hlo", cwd=folder, status=3)
    run("./affine", "missing.npy", cwd=folder, status=5)


def plans_are_inputs_too(folder):
    model = write(folder, "affine.hlo", AFFINE)
    tenon("compile", model, "-o", "affine.plan", cwd=folder)
    tenon("compile", "affine.plan", "-o", "again.plan", cwd=folder)
    with open(os.path.join(folder, "affine.plan")) as one, open(os.path.join(folder, "again.plan")) as two:
        check(one.read() == two.read(), "a plan does not print as it was read")
    write_npz(os.path.join(folder, "case.npz"),
              {"p0": ([4, 3], X), "r0": ([4, 2], R0), "r1": ([4, 2], [-r for r in R0])})
    tenon("run", "affine.plan", "--in", "case.npz", "--expect", "case.npz", "--backend=cpu,plan", cwd=folder)


def failed_writes_leave_nothing(folder):
    model = write(folder, "affine.hlo", AFFINE)
    for output in ("missing/a.o", "missing/a.so", "missing/a", "missing/a.plan"):
        tenon("compile", model, "-o", output, cwd=folder, status=5)
    tenon("compile", model, "-o", "a.so", cwd=folder, env={"CC": "false"}, status=5)
    check(sorted(os.listdir(folder)) == ["affine.hlo"], str(os.listdir(folder)))


def the_demo_recognises_its_digits(folder):
    examples = os.path.join(ROOT, "examples", "digits")
    tenon("compile", os.path.join(examples, "cnn.hlo"), "-o", "digits.o", cwd=folder)
    run("cc", "-O2", "-std=c11", "-Wall", "-Wextra", "-Werror", "-I.", os.path.join(examples, "main.c"), "digits.o",
        "-o", "digits", cwd=folder)
    pictures = [os.path.join(examples, "pictures", f"{d}.pgm") for d in range(10)]
    output = run("./digits", *pictures, cwd=folder)
    for digit in range(10):
        check(f"{digit}.pgm: a {digit} " in output, output)


def headers_take_any_names(folder):
    names = ["int", "while.1", "arena", "exec", "r0", "INT32_MAX", "size_t", "tn_exec", "TN_E_NULL", "class", "_x", "x--1",
             "uint8_t", "odd_ARENA_ALIGN", "unix", "NULL", "co_await"]
    parameters = "".join(f"  %{name} = f32[3] parameter({i})\n" for i, name in enumerate(names))
    model = write(folder, "odd.hlo", f"HloModule odd\nENTRY main {{\n{parameters}  ROOT s = f32[3] add(%int, %class)\n}}\n")
    tenon("compile", model, "-o", "odd.o", cwd=folder)
    write(folder, "odd.c", '#include "odd.h"\nint main(void) { return 0; }\n')
    for compiler, standard in (("cc", "c99"), ("cc", "gnu17"), ("c++", "c++17")):
        if run("bash", "-c", f"command -v {compiler} || true").strip():
            run(compiler, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only",
                *(["-x", "c++"] if compiler == "c++" else []), "odd.c", cwd=folder)


def headers_stand_together(folder):
    model = write(folder, "affine.hlo", AFFINE)
    for name in ("affine", "other", "Affine"):
        tenon("compile", model, f"--name={name}", "-o", f"{name}_object.o", cwd=folder)
    write(folder, "two.c", '#include "affine_object.h"\n#include "other_object.h"\nint main(void) { return !affine_run + !other_run; }\n')
    write(folder, "case.c", '#include "affine_object.h"\n#include "Affine_object.h"\n')
    run("cc", "-Wall", "-Werror", "-Wno-address", "-fsyntax-only", "two.c", cwd=folder)
    run("cc", "-fsyntax-only", "case.c", cwd=folder, status=1)


def linked_files_go_through_links(folder):
    model = write(folder, "affine.hlo", AFFINE)
    os.symlink("real.so", os.path.join(folder, "link.so"))
    write(folder, "real.so", "old")
    tenon("compile", model, "-o", "link.so", cwd=folder)
    check(os.path.islink(os.path.join(folder, "link.so")), "the link was replaced")
    tenon("run", "real.so", "--in", "random:1", cwd=folder)
    os.mkdir(os.path.join(folder, "taken.so"))
    tenon("compile", model, "-o", "taken.so", cwd=folder, status=5)
    tenon("compile", model, "--name=model", "-o", "program", cwd=folder)
    run("./program", "random:1", cwd=folder)


def deep_calls_are_refused(folder):
    calls = "".join(f"c{i} {{\n  p = f32[] parameter(0)\n  ROOT r = f32[] call(p), to_apply=c{i - 1}\n}}\n"
                    for i in range(1, 20000))
    model = write(folder, "deep.hlo", f"HloModule deep\nc0 {{\n  ROOT p = f32[] parameter(0)\n}}\n{calls}"
                  "ENTRY main {\n  p = f32[] parameter(0)\n  ROOT r = f32[] call(p), to_apply=c19999\n}\n")
    tenon("check", model, cwd=folder, status=6)


def main():
    tests = [objects_link_into_C_and_Cxx, objects_need_three_symbols_at_most, files_are_the_same_everywhere,
             libraries_and_objects_run, renamed_symbols, constants_beside_the_object, programs_read_and_write_arrays,
             headers_take_any_names, headers_stand_together, linked_files_go_through_links, deep_calls_are_refused,
             plans_are_inputs_too, failed_writes_leave_nothing, the_demo_recognises_its_digits]
    run_tests(tests)


if __name__ == "__main__":
    main()
