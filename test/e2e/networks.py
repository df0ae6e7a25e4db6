#!/usr/bin/env python3
"""Trained networks of $TENON_SHARED/models: the digits (cnn, mlp) and a sentence encoder,
on every backend, with weights inside and from a file, and what their objects must keep to.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import json
import os
import struct
import sys
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import SANITIZED, SHARED, check, read_npz, run, run_tests, tenon

DIGITS = os.path.join(SHARED or "", "models", "digits")
MINILM = os.path.join(SHARED or "", "models", "minilm")
RIGHT = {"cnn": 339, "mlp": 334}


def labels():
    """s32[360] of test.npz."""
    with zipfile.ZipFile(os.path.join(DIGITS, "test.npz")) as archive:
        data = archive.read("labels.npy")
    values = data[10 + struct.unpack("<H", data[8:10])[0]:]
    return struct.unpack(f"<{len(values) // 4}i", values)


def count_right(logits):
    dims, values = logits
    rows = [values[i * dims[1]:(i + 1) * dims[1]] for i in range(dims[0])]
    return sum(row.index(max(row)) == label for row, label in zip(rows, labels()))


def digits_of_the_whole_test_set(folder):
    for net, right in RIGHT.items():
        out = os.path.join(folder, "out.npz")
        tenon("run", f"{DIGITS}/{net}.batch.hlo", "--in", f"{DIGITS}/batch.npz", "--out", out, "--rtol=0", "--atol=1e-4",
              "--expect", f"{DIGITS}/{net}.expected.npz", "--backend=cpu,plan,eval")
        check(count_right(read_npz(out)["r0"]) == right, f"{net}: not {right} right")


def digits_one_at_a_time(folder):
    del folder
    for net in RIGHT:
        for digit in range(10):
            answers = f"{DIGITS}/samples/{digit}.{net}.npz"
            picture = f"{DIGITS}/samples/{digit}.npy"
            tenon("run", f"{DIGITS}/{net}.hlo", "--in", f"images={picture}", "--expect", answers, "--rtol=0",
                  "--atol=1e-4")
            tenon("run", f"{DIGITS}/{net}.params.hlo", "--weights", f"{DIGITS}/{net}.weights.npz", "--in",
                  f"images={picture}", "--expect", answers, "--rtol=0", "--atol=1e-4")


def digits_in_a_small_object(folder):
    report = json.loads(tenon("compile", f"{DIGITS}/cnn.hlo", "-o", "digits.o", "--json", cwd=folder))
    sections = [line.split() for line in run("size", "-A", "digits.o", cwd=folder).splitlines()]
    text = sum(int(words[1]) for words in sections if words and words[0].startswith(".text"))
    check(text < 32768 and report["text_bytes"] <= text, f"{text} bytes of code, {report['text_bytes']} reported")
    check(set(report["undefined"]) <= {"memcpy", "memmove", "memset"}, str(report["undefined"]))


def threads_do_not_change_bits(folder):
    out = os.path.join(folder, "one.npz")
    tenon("run", f"{DIGITS}/cnn.batch.hlo", "--in", f"{DIGITS}/batch.npz", "--out", out)
    for threads in (2, 3, 8):
        tenon("run", f"{DIGITS}/cnn.batch.hlo", "--in", f"{DIGITS}/batch.npz", "--expect", out, "--rtol=0", "--atol=0",
              "--threads", threads)


def sentences(folder):
    del folder
    for case in range(12):
        tenon("run", f"{MINILM}/minilm.hlo", "--weights", f"{MINILM}/minilm.weights.npz", "--in",
              f"{MINILM}/cases/{case}.in.npz", "--expect", f"{MINILM}/cases/{case}.out.npz", "--rtol=0", "--atol=1e-5")


def sentences_within_limits(folder):
    report = json.loads(tenon("compile", f"{MINILM}/minilm.hlo", "--weights", f"{MINILM}/minilm.weights.npz", "-o",
                              "minilm.o", "--json", cwd=folder))
    check(report["peak_rss_bytes"] < 500 << 20, f"{report['peak_rss_bytes'] >> 20} MiB")


def dumps_of_xla_round_trip(folder):
    for model in (f"{DIGITS}/cnn", f"{DIGITS}/mlp", f"{MINILM}/minilm"):
        tenon("opt", f"{model}.xla-optimised.hlo", "--passes=", "-o", "one.hlo", cwd=folder)
        tenon("opt", "one.hlo", "--passes=", "-o", "two.hlo", cwd=folder)
        with open(os.path.join(folder, "one.hlo")) as one, open(os.path.join(folder, "two.hlo")) as two:
            check(one.read() == two.read(), f"{model}: printing what was printed gives another text")


def main():
    if not SHARED:
        required = os.environ.get("TENON_REQUIRE_SHARED") == "1"
        print(("not ok" if required else "skip") + " networks: no golden data (TENON_SHARED)")
        return int(required)
    tests = [digits_of_the_whole_test_set, digits_one_at_a_time, digits_in_a_small_object, threads_do_not_change_bits,
             dumps_of_xla_round_trip]
    if not SANITIZED:  # minutes, there
        tests += [sentences, sentences_within_limits]
    run_tests(tests)
    return 0


if __name__ == "__main__":
    sys.exit(main())
