#!/usr/bin/env python3
"""--quantize=int8 from models and samples to answers: how many digits are still read right, that every
back end agrees on the model of bytes, and what is refused.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import array
import os
import random
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


class Network:
    """Text of a random network of convolutions [1,H,W,C] that ends in a product with a matrix. Products of few
    multiplications stay float, so their sums may round differently."""

    def __init__(self, seed):
        self.dice, self.lines, self.count = random.Random(seed), [], 0
        self.shape = [1, self.dice.randint(5, 9), self.dice.randint(5, 9), self.dice.choice([1, 3, 8])]
        self.input = self.value = self.add("parameter(0)")
        for _ in range(self.dice.randint(2, 5)):
            self.dice.choice([self.plain, self.plain, self.shortcut, self.branches, self.pool])()
        self.head()

    def add(self, text, shape=None, kind="f32"):
        self.count += 1
        dims = ",".join(map(str, self.shape if shape is None else shape))
        self.lines.append(f"  v{self.count} = {kind}[{dims}] {text}")
        return f"v{self.count}"

    def spread(self, text, shape=(), dims=""):
        return self.add(f"broadcast({self.add(text, shape)}), dimensions={{{dims}}}")

    def convolution(self, value, features, keeps=False):
        size = self.dice.choice([1, 3])
        stride = 1 if keeps or min(self.shape[1:3]) < 4 else self.dice.choice([1, 1, 2])
        groups = self.shape[3] if features == self.shape[3] and self.dice.random() < 0.3 else 1
        weights = self.add("constant({...})", [size, size, self.shape[3] // groups, features])
        for d in (1, 2):
            self.shape[d] = (self.shape[d] - 1) // stride + 1
        self.shape[3] = features
        pad = size // 2
        value = self.add(f"convolution({value}, {weights}), window={{size={size}x{size} stride={stride}x{stride} "
                         f"pad={pad}_{pad}x{pad}_{pad}}}, dim_labels=b01f_01io->b01f, feature_group_count={groups}")
        for op in self.dice.sample(["multiply", "add", "subtract"], self.dice.randint(0, 3)):
            value = self.add(f"{op}({value}, {self.spread('constant({...})', [features], '3')})")
        return value

    def limited(self, value):
        zero = self.add("constant(0)", [])
        if self.dice.random() < 0.3:
            return self.add(f"clamp({zero}, {value}, {self.add('constant(6)', [])})")
        return self.add(f"maximum({value}, {self.add(f'broadcast({zero}), dimensions={{}}')})") if self.dice.random() < 0.8 else value

    def plain(self):
        self.value = self.limited(self.convolution(self.value, self.dice.choice([4, 8, 8, 12])))

    def shortcut(self):
        before = self.value
        inner = self.limited(self.convolution(before, self.shape[3], keeps=True))
        inner = self.convolution(inner, self.shape[3], keeps=True)
        self.value = self.limited(self.add(f"add({inner}, {before})"))

    def branches(self):
        before, features = self.value, self.shape[3]
        parts = []
        for _ in range(2):
            self.shape[3] = features
            parts.append(self.limited(self.convolution(before, 4, keeps=True)))
        self.shape[3] = 8
        self.value = self.add(f"concatenate({', '.join(parts)}), dimensions={{3}}")

    def pool(self):
        if min(self.shape[1:3]) < 2:
            return
        for d in (1, 2):
            self.shape[d] //= 2
        least = self.add("constant(-inf)", [])
        self.value = self.add(f"reduce-window({self.value}, {least}), window={{size=1x2x2x1 stride=1x2x2x1}}, to_apply=largest")

    def head(self):
        features = self.shape[3]
        if self.dice.random() < 0.5:
            places = self.shape[1] * self.shape[2]
            total = self.add(f"reduce({self.value}, {self.add('constant(0)', [])}), dimensions={{1,2}}, to_apply=sum", [1, features])
            count = self.add(f"constant({places})", [])
            rows = self.add(f"divide({total}, {self.add(f'broadcast({count}), dimensions={{}}', [1, features])})", [1, features])
        else:
            features *= self.shape[1] * self.shape[2]
            rows = self.add(f"reshape({self.value})", [1, features])
        weights = self.add("constant({...})", [features, 40])
        self.add(f"dot({rows}, {weights}), lhs_contracting_dims={{1}}, rhs_contracting_dims={{0}}", [1, 40])

    def text(self):
        joins = "".join(f"{name} {{\n  a = f32[] parameter(0)\n  b = f32[] parameter(1)\n  ROOT r = f32[] {op}(a, b)\n}}\n"
                        for name, op in (("largest", "maximum"), ("sum", "add")))
        return "HloModule random\n\n" + joins + "ENTRY main {\n" + "\n".join(self.lines) + "\n}\n"


def random_networks(folder):
    for seed in range(24):
        network = Network(seed)
        model, samples, given = (os.path.join(folder, name) for name in ("net.hlo", "samples.npz", "in.npz"))
        with open(model, "w") as file:
            file.write(network.text())
        dims = [int(d) for d in network.lines[0].split("[")[1].split("]")[0].split(",")]
        count = 1
        for size in dims:
            count *= size
        draw = random.Random(seed).uniform
        write_npz(samples, {"p0": ([4] + dims[1:], [draw(-1, 1) for _ in range(4 * count)])})
        write_npz(given, {"p0": (dims, [draw(-1, 1) for _ in range(count)])})
        run = ["run", model, f"--fill-elided=random:{seed + 1}", "--in", given]
        out = [os.path.join(folder, name) for name in ("floats.npz", "bytes.npz")]
        tenon(*run, "--out", out[0])
        tenon(*run, "--quantize=int8", "--calibrate", samples, "--backend=eval,plan,cpu",
              "--out", out[1], ["--target=host", "--target=x86-64-v2", "-O0", "--schedule-seed=3"][seed % 4])
        floats, bytes_of = (read_npz(path)["r0"][1] for path in out)
        noise = sum((a - b) ** 2 for a, b in zip(floats, bytes_of))
        check(noise <= 0.01 * sum(a * a for a in floats), f"seed {seed}: noise {noise} of {sum(a * a for a in floats)}")


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
    fails(2, "quantization 'int8' needs data to calibrate with", "--quantize=int8")
    fails(2, "option '--calibrate' needs '--quantize'", "--calibrate", samples)
    fails(2, "quantization 'int9' is unknown", "--quantize=int9")
    fails(4, "quantization 'int8-dynamic' is not supported by this version", "--quantize=int8-dynamic")
    fails(2, "calibration 'maxmin' is unknown", *good, "--calibration=maxmin")
    write_samples(samples, [9, 17])
    fails(3, "calibration: 'x' is f32[9,17], its parameter f32[4,16], with samples in the leading dimension", *good)
    write_samples(samples, [0, 16])
    fails(3, "calibration: 'x' has no samples", *good)
    write_samples(samples, [9, 16], key="p1")
    fails(2, "calibration: parameter 'x' has no key in the data", *good)
    write_npz(samples, {"x": ([4, 16], [1.0] * 64), "y": ([1], [1.0])})
    fails(2, "calibration: there is no parameter 'y'", *good)
    write_npz(samples, {"x": ([4, 16], [1.0] * 64), "p0": ([4, 16], [1.0] * 64)})
    fails(2, "calibration: 'p0': parameter 'x' is given twice", *good)
    write_samples(samples, [9, 16])
    fails(2, "calibration: 'x': parameter 'x' is given twice", *good, "--calibrate", samples)


run_tests([samples_stand_in_front_or_fill_batches, refusals, random_networks] + ([digits_are_read_right, back_ends_agree] if SHARED else []))
