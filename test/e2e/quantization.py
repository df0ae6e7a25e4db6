#!/usr/bin/env python3
"""--quantize=int8 from models and samples to answers: how many digits are still read right, that every
back end agrees on the model of bytes, and what is refused.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import array
import os
import sys
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import SHARED, Failure, check, read_npz, run_tests, tenon, write_npz

LAYER = """HloModule layer

ENTRY main {{
  x = f32[{batch},16] parameter(0)
  w = f32[16,32] constant({{...}})
  d = f32[{batch},32] dot(x, w), lhs_contracting_dims={{1}}, rhs_contracting_dims={{0}}
  z = f32[] constant(0)
  zz = f32[{batch},32] broadcast(z), dimensions={{}}
  r = f32[{batch},32] maximum(d, zz)
  v = f32[32,24] constant({{...}})
  ROOT y = f32[{batch},24] dot(r, v), lhs_contracting_dims={{1}}, rhs_contracting_dims={{0}}
}}
"""


def write_layer(folder, batch=4):
    path = os.path.join(folder, "layer.hlo")
    with open(path, "w") as file:
        file.write(LAYER.format(batch=batch))
    return path


def write_samples(path, dims, key="x"):
    count = 1
    for size in dims:
        count *= size
    write_npz(path, {key: (dims, [((i * 37) % 101) / 50 - 1 for i in range(count)])})


def labels():
    with zipfile.ZipFile(os.path.join(SHARED, "models", "digits", "test.npz")) as archive:
        data = archive.read("labels.npy")
    check(b"'<i4'" in data[:128], "labels are not s32")
    numbers = array.array("i")
    numbers.frombytes(data[10 + int.from_bytes(data[8:10], "little"):])
    return numbers


def correct(path, answers):
    dims, values = read_npz(path)["r0"]
    rows = [values[i * 10:i * 10 + 10] for i in range(dims[0])]
    return sum(row.index(max(row)) == answer for row, answer in zip(rows, answers))


def digits_are_read_right(folder):
    answers = labels()
    for net in ["cnn", "mlp"]:
        base = os.path.join(SHARED, "models", "digits")
        model, counts = os.path.join(base, f"{net}.batch.hlo"), []
        bytes_of = ["--quantize=int8", "--calibrate", os.path.join(base, "calibrate.npz")]
        for options in [[], bytes_of]:
            out = os.path.join(folder, "out.npz")
            tenon("run", model, "--in", os.path.join(base, "batch.npz"), "--out", out, *options)
            counts.append(correct(out, answers))
        check(counts[1] >= counts[0] - 0.006 * len(answers), f"{net}: {counts[0]} right as floats, {counts[1]} as bytes")
        check("s32[" in tenon("opt", model, *bytes_of, "--passes=", "--constants=elide"), f"{net}: nothing is of bytes")


def back_ends_agree(folder):
    base = os.path.join(SHARED, "models", "digits")
    for net in ["cnn", "mlp"]:
        for options in [[], ["-O0", "--target=x86-64-v2"], ["--target=x86-64-v3", "--threads=3"], ["--schedule-seed=2"]]:
            tenon("run", os.path.join(base, f"{net}.hlo"), "--in", os.path.join(base, "samples", "3.npy"), "--quantize=int8",
                  "--calibrate", os.path.join(base, "calibrate.npz"), "--backend=eval,plan,cpu", "--rtol=0", "--atol=0", *options)


def samples_stand_in_front_or_fill_batches(folder):
    model, texts = write_layer(folder), []
    for dims in [[9, 16], [3, 4, 16]]:
        samples = os.path.join(folder, "samples.npz")
        write_samples(samples, dims)
        options = [model, "--fill-elided=random:1", "--quantize=int8", "--calibrate", samples]
        texts += [tenon("opt", *options, "--passes=", "--constants=elide") for _ in range(2)]
        tenon("run", *options, "--in", "random:1", "--backend=eval,plan,cpu")
    check(texts[0] == texts[1] and texts[2] == texts[3], "the same samples give different modules")
    check(all(text.count("s32[4,") == 2 for text in texts), texts[0])


def refusals(folder):
    model = write_layer(folder)

    def fails(status, words, *options):
        try:
            tenon("opt", model, "--fill-elided=random:1", *options, status=status)
        except Failure as failure:
            raise Failure(f"{options}: {failure}")
        text = ""
        try:
            tenon("opt", model, "--fill-elided=random:1", *options)
        except Failure as failure:
            text = str(failure)
        check(words in text, f"{options}: no '{words}' in {text}")

    samples = os.path.join(folder, "samples.npz")
    good = ["--quantize=int8", "--calibrate", samples]
    write_samples(samples, [9, 16])
    fails(2, "quantisation 'int8' needs data to calibrate with", "--quantize=int8")
    fails(2, "option '--calibrate' needs '--quantize'", "--calibrate", samples)
    fails(2, "quantisation 'int9' is unknown", "--quantize=int9")
    fails(4, "quantisation 'int8-dynamic' is not supported by this version", "--quantize=int8-dynamic")
    fails(2, "calibration 'maxmin' is unknown", *good, "--calibration=maxmin")
    write_samples(samples, [9, 17])
    fails(3, "calibration: 'x' is f32[9,17], its parameter f32[4,16], with samples in the leading dimension", *good)
    write_samples(samples, [0, 16])
    fails(3, "calibration: 'x' has no samples", *good)
    write_samples(samples, [9, 16], key="p1")
    fails(2, "calibration: parameter 'x' has no key in the data", *good)
    write_npz(samples, {"x": ([4, 16], [1.0] * 64), "y": ([1], [1.0])})
    fails(2, "calibration: there is no parameter 'y'", *good)


run_tests([samples_stand_in_front_or_fill_batches, refusals] + ([digits_are_read_right, back_ends_agree] if SHARED else []))
