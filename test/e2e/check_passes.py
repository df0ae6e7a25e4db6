#!/usr/bin/env python3
"""--check-passes and --bisect: no pass of ours changes a result on the golden programs, at any level; a broken one is
named, with its rewrite, and shown by a minimal module. The broken one is in a command of its own: test/planted.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import concurrent.futures
import glob
import json
import os
import re
import resource
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import BUILD, ROOT, SANITIZED, SHARED, TENON, check, run_tests

PLANTED = os.path.join(BUILD, "test", "planted", "tenon_planted")
LEVELS = ["-O0", "-O1", "-O2", "-O3"]


def finish(words, plant=None, cwd=None):
    """Status and messages."""
    done = subprocess.run([str(word) for word in words], cwd=cwd, env=dict(os.environ, TENON_PLANT=plant or ""),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    return done.returncode, done.stderr.decode("utf-8", "replace")


def expect_none(commands, allowed):
    """No command ends with a status that is not allowed."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for words, (status, messages) in zip(commands, pool.map(finish, commands)):
            check(status in allowed, f"status {status}: {' '.join(words)}\n{messages[:2000]}")


def golden_programs_on_given_and_random_inputs(folder):
    models = os.path.join(SHARED, "models", "hlo")
    with open(os.path.join(models, "index.json")) as index:
        programs = json.load(index)["programs"]
    levels = ["-O2"] if SANITIZED else LEVELS
    expect_none([[TENON, "run", os.path.join(models, entry["hlo"]), "--in", os.path.join(models, entry["npz"]),
                  "--backend=plan", "--check-passes", level]
                 for entry in programs.values() for level in levels], (0, 4))


def networks(folder):
    digits, minilm = (os.path.join(SHARED, "models", name) for name in ("digits", "minilm"))
    weights = ["--weights", f"{minilm}/minilm.weights.npz"]
    for level in ["-O2"] if SANITIZED else LEVELS:
        for words in ([f"{digits}/cnn.hlo"], [f"{digits}/mlp.batch.hlo"], [f"{minilm}/minilm.hlo", *weights]):
            status, messages = finish([TENON, "opt", *words, level, "--check-passes", "-o", "/dev/null",
                                       "--constants=elide"])
            check(status == 0 and ("left out" not in messages or ", 0 left out" in messages),
                  f"status {status}: {words} {level}\n{messages}")


def modules_of_the_text_tests(folder):
    files = glob.glob(os.path.join(ROOT, "test", "text", "passes", "*", "*.hlo"))
    expect_none([[TENON, "opt", file, level, "--check-passes", "-o", "/dev/null"] for file in sorted(files)
                 for level in (["-O2"] if SANITIZED else ["-O1", "-O3"])], (0, 3, 4))


SMALL = """HloModule small
body {
  s = (s32[], f32[3]) parameter(0)
  i = s32[] get-tuple-element(s), index=0
  v = f32[3] get-tuple-element(s), index=1
  one = s32[] constant(1)
  n = s32[] add(i, one)
  c = f32[] constant(2)
  cs = f32[3] broadcast(c), dimensions={}
  w = f32[3] subtract(cs, v)
  ROOT t = (s32[], f32[3]) tuple(n, w)
}
condition {
  s = (s32[], f32[3]) parameter(0)
  i = s32[] get-tuple-element(s), index=0
  limit = s32[] constant(3)
  ROOT less = pred[] compare(i, limit), direction=LT
}
ENTRY main {
  x = f32[3] parameter(0)
  y = f32[8,8] parameter(1)
  zero = s32[] constant(0)
  t = (s32[], f32[3]) tuple(zero, x)
  l = (s32[], f32[3]) while(t), condition=condition, body=body
  r = f32[3] get-tuple-element(l), index=1
  e = f32[8,8] exponential(y)
  ROOT out = (f32[8,8], f32[3]) tuple(e, r)
}
"""


def write(folder, text):
    path = os.path.join(folder, "small.hlo")
    with open(path, "w") as file:
        file.write(text)
    return path


def a_broken_pass_is_named(folder):
    path = write(folder, SMALL)
    out = os.path.join(folder, "out.hlo")
    status, messages = finish([PLANTED, "opt", path, "--check-passes", "-o", out], "subtract")
    check(status == 1, f"status {status}\n{messages}")
    found = re.search(r"pass 'simplify-arithmetic' \(run 1\), rewrite (\d+): r1 \(f32\[3\]\) element \d is \S+, was \S+, bound 0",
                      messages)
    check(found, messages)
    fuel = f"--fuel=simplify-arithmetic={int(found[1]) - 1}"
    check(f"'{fuel}' ends before that rewrite" in messages, messages)
    check(not os.path.exists(out), "a module was written")
    for words in ([PLANTED, "opt", path, "--check-passes", fuel],
                  [PLANTED, "opt", path, "--check-passes", "--disable-pass=simplify-arithmetic"]):
        status, messages = finish(words, "subtract")
        check(status == 0, f"status {status}: {words}\n{messages}")


def every_verb_checks(folder):
    path = write(folder, SMALL)
    for words in (["compile", path, "-o", os.path.join(folder, "small.o")], ["bench", path, "--runs=1"],
                  ["run", path, "--in", "random:1"]):
        status, messages = finish([PLANTED, *words, "--check-passes"], "subtract")
        check(status == 1 and "'simplify-arithmetic'" in messages, f"status {status}: {words}\n{messages}")
        status, messages = finish([PLANTED, *words, "--check-passes"], "nothing")
        check(status == 0, f"status {status}: {words}\n{messages}")


def what_only_special_values_show(folder):
    path = write(folder, "HloModule m\nENTRY main {\n  x = f32[64] parameter(0)\n  z = f32[] constant(0)\n"
                 "  zs = f32[64] broadcast(z), dimensions={}\n  ROOT y = f32[64] add(x, zs)\n}\n")
    status, messages = finish([PLANTED, "opt", path, "--check-passes"], "zero")
    check(status == 1 and "is -0, was 0" in messages and "special values" in messages, f"status {status}\n{messages}")


def what_an_exact_pass_rounds(folder):
    """Within the error bounds, but simplify-arithmetic says that it keeps every bit."""
    path = write(folder, "HloModule m\nENTRY main {\n  x = f32[64] parameter(0)\n  y = f32[64] parameter(1)\n"
                 "  p = f32[64] parameter(2)\n  a = f32[64] add(x, y)\n  ROOT b = f32[64] add(a, p)\n}\n")
    status, messages = finish([PLANTED, "opt", path, "--bisect"], "round", cwd=folder)
    check(status == 1 and "'simplify-arithmetic' (run 1), rewrite" in messages and "bound 0" in messages,
          f"status {status}\n{messages}")
    replay(os.path.join(folder, "small.bisect.hlo"), "round")


def what_a_rounding_pass_may(folder):
    """In blocks sums have another order: linalg-blocking says so, and is held to the bounds."""
    path = write(folder, "HloModule m\nENTRY main {\n  a = f32[130,130] parameter(0)\n  b = f32[130,3] parameter(1)\n"
                 "  ROOT c = f32[130,3] triangular-solve(a, b), left_side=true, lower=true, "
                 "transpose_a=NO_TRANSPOSE\n}\n")
    status, messages = finish([TENON, "opt", path, "--check-passes", "-o", os.path.join(folder, "out.hlo")])
    check(status == 0, f"status {status}\n{messages}")


def instructions_of(path):
    with open(path) as file:
        return sum(" = " in line for line in file)


def replay(path, plant):
    """The first line of the file is the command."""
    with open(path) as file:
        words = file.readline().removeprefix("// tenon ").split()
    status, messages = finish([PLANTED, *words], plant, cwd=os.path.dirname(path))
    check(status == 1, f"the replay ends with status {status}\n{messages}")
    status, messages = finish([TENON, *words], plant, cwd=os.path.dirname(path))
    check(status == 0, f"the replay without the fault ends with status {status}\n{messages}")


def a_small_module_is_reduced(folder):
    path = write(folder, SMALL)
    status, messages = finish([PLANTED, "opt", path, "--bisect"], "subtract", cwd=folder)
    minimal = os.path.join(folder, "small.bisect.hlo")
    check(status == 1 and os.path.exists(minimal), f"status {status}\n{messages}")
    check(instructions_of(minimal) <= 5, open(minimal).read())
    replay(minimal, "subtract")


def bisect_a_model(folder, name, plant):
    """A network of more than a thousand instructions: the right rewrite, at most 8 instructions, in 5 s."""
    minilm = os.path.join(SHARED, "models", "minilm")
    words = [f"{minilm}/minilm.hlo", "--weights", f"{minilm}/minilm.weights.npz", "-o", "/dev/null", "--constants=elide"]
    minimal = os.path.join(folder, "minimal.hlo")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    status, messages = finish([PLANTED, "opt", *words, f"--bisect={minimal}"], plant)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found = re.search(r"pass 'simplify-arithmetic' \(run \d\), rewrite (\d+): '([^']+)'", messages)
    check(status == 1 and found and found[2].startswith(name), f"status {status}\n{messages}")
    check(instructions_of(minimal) <= 8, open(minimal).read())
    check(SANITIZED or seconds < 5, f"{seconds:.1f} s")
    replay(minimal, plant)
    rewrite = int(found[1])
    for fuel, wanted in ((rewrite - 1, 0), (rewrite, 1)):
        status, messages = finish([PLANTED, "opt", *words, "--check-passes", "--stop-after=simplify-arithmetic",
                                   f"--fuel=simplify-arithmetic={fuel}"], plant)
        check(status == wanted, f"status {status} with fuel {fuel}, rewrite {rewrite}\n{messages}")


def bisect_finds_one_subtraction_in_minilm(folder):
    bisect_a_model(folder, "sub", "subtract")


def bisect_finds_a_dot_in_minilm(folder):
    bisect_a_model(folder, "dot", "square")


def wrong_options_are_refused(folder):
    path = write(folder, SMALL)
    for option in ("--max-check-work=0", "--max-check-work=many", "--check-passes=yes"):
        status, messages = finish([TENON, "opt", path, option])
        check(status == 2 and option.split("=")[0] in messages, f"status {status}: {option}\n{messages}")
    status, messages = finish([PLANTED, "opt", path, "--bisect=" + os.path.join(folder, "none", "m.hlo")], "subtract")
    check(status == 1 and "m.hlo" in messages, f"status {status}\n{messages}")


def main():
    tests = [a_broken_pass_is_named, every_verb_checks, what_only_special_values_show,
             what_an_exact_pass_rounds, what_a_rounding_pass_may, a_small_module_is_reduced,
             wrong_options_are_refused, modules_of_the_text_tests]
    golden = [golden_programs_on_given_and_random_inputs, networks, bisect_finds_one_subtraction_in_minilm,
              bisect_finds_a_dot_in_minilm]
    run_tests(tests)
    if SHARED:
        run_tests(golden)
        return 0
    required = os.environ.get("TENON_REQUIRE_SHARED") == "1"
    for test in golden:
        print(f"{'not ok' if required else 'skip'} {test.__name__.replace('_', ' ')}: no golden data (TENON_SHARED)")
    return int(required)


if __name__ == "__main__":
    sys.exit(main())
