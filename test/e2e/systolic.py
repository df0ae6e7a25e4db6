#!/usr/bin/env python3
"""Models on systolic arrays: the functional device against the evaluator, bit for bit where the model is of integers;
what compiling writes.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import json
import math
import os
import random
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import ROOT, SHARED, check, run_tests, tenon, write_npz

TARGETS = os.path.join(ROOT, "examples", "targets")
DIGITS = os.path.join(SHARED or "", "models", "digits")
MINILM = os.path.join(SHARED or "", "models", "minilm")
EXACT = ["--rtol=0", "--atol=0"]


class Network:
    """A product or a window with a random chain behind it, as HLO text; channels and sums up to `wide` times as many."""

    def __init__(self, seed, wide=1):
        self.wide = wide
        self.dice = random.Random(seed)
        self.lines, self.comps, self.parameters, self.names = [], [], 0, 0
        self.channel, self.dims, self.value = 0, [], None
        self.dice.choice([self.dot, self.batched_dot, self.convolution, self.convolution, self.pooling])()
        if self.dice.random() < 0.85:
            self.chain()

    def text(self):
        *lines, last = self.lines
        body = "\n".join(f"  {line}" for line in lines + ["ROOT " + last])
        return "HloModule m\n" + "".join(self.comps) + f"ENTRY main {{\n{body}\n}}\n"

    def add(self, kind, dims, expression):
        self.names += 1
        self.lines.append(f"v{self.names} = {kind}[{','.join(map(str, dims))}] {expression}")
        return f"v{self.names}"

    def parameter(self, kind, dims):
        self.parameters += 1
        return self.add(kind, dims, f"parameter({self.parameters - 1})")

    def weights(self, dims):
        return self.add("s8", dims, "constant({...})") if self.dice.random() < 0.7 else self.parameter("s8", dims)

    def input(self, dims, weights):
        """u8, too, where the weights are known."""
        known = self.lines[int(weights[1:]) - 1].endswith("constant({...})")
        return self.parameter("u8" if known and self.dice.random() < 0.3 else "s8", dims)

    def padded(self, x, dims, spatial, pad):
        """With a zero point in place of the window's padding."""
        kind = self.lines[int(x[1:]) - 1].split()[2][:2]
        zero = self.add(kind, [], f"constant({self.dice.randint(0, 255) - (128 if kind == 's8' else 0)})")
        around = [pad[spatial.index(d)] if d in spatial else [0, 0] for d in range(4)]
        sizes = [dims[d] + sum(around[d]) for d in range(4)]
        return self.add(kind, sizes, f"pad({x}, {zero}), padding={'x'.join(f'{low}_{high}' for low, high in around)}")

    def dot(self):
        m, k, n = (self.dice.randint(1, 40 * wide) for wide in (1, self.wide, self.wide))
        left, right = self.dice.randrange(2), self.dice.randrange(2)
        w = self.weights([k, n] if right == 0 else [n, k])
        x = self.input([k, m] if left == 0 else [m, k], w)
        self.dims, self.channel = [m, n], 1
        self.value = self.add("s32", self.dims, f"dot({x}, {w}), lhs_contracting_dims={{{left}}}, rhs_contracting_dims={{{right}}}")

    def batched_dot(self):
        b, m, k, n = (self.dice.randint(1, 12 * wide) for wide in (1, 1, self.wide, self.wide))
        x, w = self.parameter("s8", [b, m, k]), self.weights([b, k, n])
        self.dims, self.channel = [b, m, n], 2
        self.value = self.add("s32", self.dims, f"dot({x}, {w}), lhs_batch_dims={{0}}, rhs_batch_dims={{0}}, "
                                                "lhs_contracting_dims={2}, rhs_contracting_dims={1}")

    def convolution(self):
        r = self.dice
        groups = r.choice([1, 1, 1, 2, 4])
        per, out = (1, 1) if groups > 1 and r.random() < 0.4 else (r.randint(1, 9 * self.wide), r.randint(1, 9 * self.wide))
        size, stride, dilation = ([r.randint(1, 3) for _ in range(2)] for _ in range(3))
        pad = [[r.randint(0, 2), r.randint(0, 2)] for _ in range(2)]
        reach = [(size[i] - 1) * dilation[i] + 1 for i in range(2)]
        image = [max(1, reach[i] - sum(pad[i])) + r.randint(0, 8) for i in range(2)]
        result = [(image[i] + sum(pad[i]) - reach[i]) // stride[i] + 1 for i in range(2)]
        batch, first = r.randint(1, 3), r.random() < 0.3
        w = self.weights([*size, per, groups * out])
        dims = [batch, groups * per, *image] if first else [batch, *image, groups * per]
        x = self.input(dims, w)
        self.dims = [batch, groups * out, *result] if first else [batch, *result, groups * out]
        self.channel = 1 if first else 3
        if r.random() < 0.3:
            x = self.padded(x, dims, [2, 3] if first else [1, 2], pad)
            pad = [[0, 0], [0, 0]]
        window = (f"size={size[0]}x{size[1]} stride={stride[0]}x{stride[1]} pad={pad[0][0]}_{pad[0][1]}x{pad[1][0]}_{pad[1][1]} "
                  f"rhs_dilate={dilation[0]}x{dilation[1]}")
        labels = "bf01_01io->bf01" if first else "b01f_01io->b01f"
        self.value = self.add("s32", self.dims, f"convolution({x}, {w}), window={{{window}}}, dim_labels={labels}, "
                                                f"feature_group_count={groups}")

    def pooling(self):
        r = self.dice
        size, stride = ([r.randint(1, 3) for _ in range(2)] for _ in range(2))
        image = [size[i] + r.randint(0, 8) for i in range(2)]
        high = [r.randint(0, size[i] - 1) for i in range(2)]
        result = [(image[i] + high[i] - size[i]) // stride[i] + 1 for i in range(2)]
        batch, features = r.randint(1, 3), r.randint(1, 20 * self.wide)
        x = self.parameter("s8", [batch, *image, features])
        self.dims, self.channel = [batch, *result, features], 3
        window = (f"window={{size=1x{size[0]}x{size[1]}x1 stride=1x{stride[0]}x{stride[1]}x1 "
                  f"pad=0_0x0_{high[0]}x0_{high[1]}x0_0}}")
        operation, kind, least = r.choice([("maximum", "s8", -128), ("minimum", "s8", 127), ("add", "s32", 0)])
        self.comps.append(f"join {{ a = {kind}[] parameter(0) b = {kind}[] parameter(1) ROOT r = {kind}[] {operation}(a, b) }}\n")
        if kind == "s32":
            x = self.add("s32", [batch, *image, features], f"convert({x})")
        start = self.add(kind, [], f"constant({least})")
        self.value = self.add(kind, self.dims, f"reduce-window({x}, {start}), {window}, to_apply=join")

    # ---- the chain ----

    def number(self, value):
        return self.add("f32", self.dims, f"broadcast({self.add('f32', [], f'constant({value})')}), dimensions={{}}")

    def by_channel(self):
        constant = self.add("f32", [self.dims[self.channel]], "constant({...})")
        return self.add("f32", self.dims, f"broadcast({constant}), dimensions={{{self.channel}}}")

    def apply(self, operation, *operands):
        self.value = self.add("f32", self.dims, f"{operation}({', '.join(operands)})")

    def to_bytes(self):
        self.apply("round-nearest-even", self.value)
        if self.dice.random() < 0.4:
            self.apply(self.dice.choice(["add", "subtract"]), self.value, self.number(self.dice.randint(-128, 128)))
        low, high = self.add("f32", [], "constant(-128)"), self.add("f32", [], "constant(127)")
        self.apply("clamp", low, self.value, high)
        self.value = self.add("s8", self.dims, f"convert({self.value})")

    def residual(self):
        r = self.dice
        other = self.parameter(*r.choice([("s8", self.dims), ("f32", self.dims)]))
        if "s8[" in self.lines[-1]:
            other = self.add("f32", self.dims, f"convert({other})")
            if r.random() < 0.4:
                other = self.add("f32", self.dims, f"subtract({other}, {self.number(r.randint(-128, 128))})")
        if r.random() < 0.7:
            other = self.add("f32", self.dims, f"multiply({other}, {self.number(r.choice([0.25, 0.07]))})")
        self.apply(r.choice(["add", "add", "subtract", "multiply", "maximum"]), self.value, other)

    def function(self):
        self.apply("convert", self.value)
        self.apply("multiply", self.value, self.number(0.03))
        before = self.value
        self.apply(self.dice.choice(["tanh", "logistic", "exponential", "erf"]), self.value)
        if self.dice.random() < 0.4:
            self.apply("multiply", before, self.value)
        self.apply("multiply", self.value, self.number(90))
        self.to_bytes()

    def chain(self):
        r = self.dice
        self.apply("convert", self.value)
        if r.random() < 0.9:
            self.apply("multiply", self.value, self.by_channel() if r.random() < 0.6 else self.number(0.125))
        if r.random() < 0.6:
            self.apply("add", self.value, self.by_channel() if r.random() < 0.7 else self.number(3.5))
        if r.random() < 0.4:
            self.residual()
        if r.random() < 0.5:
            self.apply("maximum", self.value, self.number(0))
        if r.random() < 0.2:
            self.apply("minimum", self.value, self.number(6))
        if r.random() < 0.85:
            self.to_bytes()
            if r.random() < 0.3:
                self.function()


def random_array(dice):
    words = ["--target=" + os.path.join(TARGETS, dice.choice(["gemmini", "edge", "tpu-v1"]) + ".target"),
             "--set", f"dataflow={dice.choice(['weight', 'output', 'input', 'any'])}",
             "--set", f"packing={dice.choice(['yes', 'no'])}", "--set", f"weight_double_buffer={dice.choice(['yes', 'no'])}"]
    if dice.randrange(3):
        words += ["--set", f"rows={dice.randint(1, 16)}", "--set", f"columns={dice.randint(1, 16)}"]
    return words


def random_networks_on_random_arrays(folder):
    for seed in range(60):
        network, path = Network(seed), os.path.join(folder, f"{seed}.hlo")
        with open(path, "w") as file:
            file.write(network.text())
        tenon("run", path, f"--fill-elided=random:{seed}", *random_array(network.dice), "--backend=eval,systolic", *EXACT,
              "--in", f"random:{seed}", "--out", os.path.join(folder, "out.npz"))


QDQ = """HloModule m
ENTRY main {{
{body}
}}
"""


class Exported:
    """What exporters write: convolutions of dequantized bytes with a zero point, quantized again, and a residual."""

    def __init__(self, kind, zero, scales):
        self.kind, self.zero, self.scales, self.lines = kind, zero, scales, []
        x = self.add(kind, "parameter(0)")
        first = self.quantized(self.limited(self.convolution(self.dequantized(x, 0))), 1)
        second = self.quantized(self.convolution(self.dequantized(first, 1)), 2)
        total = self.add("f32", f"add({self.dequantized(second, 2)}, {self.dequantized(x, 0)})")
        third = self.quantized(total, 2)
        self.quantized(self.convolution(self.dequantized(third, 2)), 1)
        self.lines[-1] = "ROOT " + self.lines[-1]

    def add(self, kind, expression, dims="2,8,8,16"):
        self.lines.append(f"v{len(self.lines)} = {kind}[{dims}] {expression}")
        return f"v{len(self.lines) - 1}"

    def number(self, value):
        return self.add("f32", f"broadcast({self.add('f32', f'constant({value})', '')}), dimensions={{}}")

    def dequantized(self, value, scale):
        value = self.add("f32", f"convert({value})")
        if self.zero:
            value = self.add("f32", f"subtract({value}, {self.number(self.zero)})")
        return self.add("f32", f"multiply({value}, {self.number(self.scales[scale])})")

    def quantized(self, value, scale):
        value = self.add("f32", f"divide({value}, {self.number(self.scales[scale])})")
        value = self.add("f32", f"round-nearest-even({value})")
        if self.zero:
            value = self.add("f32", f"add({value}, {self.number(self.zero)})")
        low = self.add("f32", f"constant({-128 if self.kind == 's8' else 0})", "")
        high = self.add("f32", f"constant({127 if self.kind == 's8' else 255})", "")
        return self.add(self.kind, f"convert({self.add('f32', f'clamp({low}, {value}, {high})')})")

    def limited(self, value):
        return self.add("f32", f"maximum({value}, {self.number(0)})")

    def convolution(self, value):
        weights = self.add("f32", f"convert({self.add('s8', 'constant({...})', '3,3,16,16')})", "3,3,16,16")
        numbers = ", ".join(str(self.scales[3] * (1 << i % 3)) for i in range(16))
        scales = self.add("f32", f"constant({{{numbers}}})", "16")
        scales = self.add("f32", f"broadcast({scales}), dimensions={{3}}", "3,3,16,16")
        weights = self.add("f32", f"multiply({weights}, {scales})", "3,3,16,16")
        value = self.add("f32", f"convolution({value}, {weights}), window={{size=3x3 pad=1_1x1_1}}, dim_labels=b01f_01io->b01f")
        bias = self.add("f32", "broadcast(%s), dimensions={3}" % self.add("f32", "constant({...})", "16"))
        return self.add("f32", f"add({value}, {bias})")


def what_exporters_quantized(folder):
    """Of any zero point, signed or not: nothing is left to the host, and the bits are the evaluator's."""
    path = os.path.join(folder, "exported.hlo")
    for kind, zero in (("s8", 0), ("s8", 3), ("s8", -128), ("u8", 0), ("u8", 128), ("u8", 77)):
        with open(path, "w") as file:
            lines = Exported(kind, zero, (0.02, 0.03, 0.06, 0.001)).lines
            file.write(QDQ.format(body="\n".join("  " + line for line in lines)))
        for target in ("edge", "gemmini", "tpu-v1"):
            words = [path, "--fill-elided=random:1", "--reassociate", f"--target={TARGETS}/{target}.target", "--set", "host_gb_s=inf"]
            table = tenon("compile", *words, "-o", os.path.join(folder, "x.tns"))
            check(" host " not in table and "100.00 % of the MACs" in table, f"{kind} {zero} on {target}:\n{table}")
            tenon("run", *words, "--backend=eval,systolic", *EXACT, "--in", "random:1", "--out", os.path.join(folder, "out.npz"))


def wide_networks_in_small_memories(folder):
    """Rows that the buffer does not hold: blocks of columns and sums, in each dataflow."""
    for seed in range(36):
        network, path = Network(1000 + seed, wide=20), os.path.join(folder, f"{seed}.hlo")
        with open(path, "w") as file:
            file.write(network.text())
        words = [path, f"--fill-elided=random:{seed}", f"--target={TARGETS}/edge.target", "--set", "rows=16", "--set", "columns=16",
                 "--set", "unified_buffer_kib=1", "--set", f"accumulator_kib={network.dice.choice([1, 2, 8])}",
                 "--set", f"dataflow={['weight', 'output', 'input'][seed % 3]}"]
        table = tenon("compile", *words, "-o", os.path.join(folder, "x.tns"))
        check("\n100.00 % of the MACs" in table or " 0 MACs" in table, f"network {seed}:\n{table}")
        tenon("run", *words, "--backend=eval,systolic", *EXACT, "--in", f"random:{seed}", "--out", os.path.join(folder, "out.npz"))


def arrays_one_behind_the_other(folder):
    """Concatenations of any types along any dim, of constants, too, into buffers with and without room."""
    path = os.path.join(folder, "joined.hlo")
    for seed in range(40):
        r = random.Random(seed)
        kind, dims = r.choice(["s8", "s8", "u8", "s16", "s32", "f32"]), [r.randint(1, 7) for _ in range(r.randint(1, 4))]
        along, lines, parts, parameters = r.randrange(len(dims)), [], [], 0
        for _ in range(r.randint(2, 4)):
            parts.append([*dims[:along], r.randint(1, 6), *dims[along + 1:]])
            constant = parameters and r.random() < 0.2
            lines.append(f"p{len(parts)} = {kind}[{','.join(map(str, parts[-1]))}] " +
                         ("constant({...})" if constant else f"parameter({parameters})"))
            parameters += not constant
        dims[along] = sum(part[along] for part in parts)
        names = ", ".join(f"p{i + 1}" for i in range(len(parts)))
        rows, columns = math.prod(dims[:-1]), dims[-1]
        lines.append(f"c = {kind}[{','.join(map(str, dims))}] concatenate({names}), dimensions={{{along}}}")
        if kind == "s8":
            lines += [f"m = s8[{rows},{columns}] reshape(c)", f"w = s8[{columns},9] constant({{...}})",
                      f"d = s32[{rows},9] dot(m, w), lhs_contracting_dims={{1}}, rhs_contracting_dims={{0}}"]
        lines[-1] = "ROOT " + lines[-1]
        with open(path, "w") as file:
            file.write(QDQ.format(body="\n".join("  " + line for line in lines)))
        tenon("run", path, f"--fill-elided=random:{seed}", *random_array(r), "--set", f"unified_buffer_kib={r.choice([1, 4, 256])}",
              "--backend=eval,systolic", *EXACT, "--in", f"random:{seed}", "--out", os.path.join(folder, "out.npz"))


def quantized_digits(folder):
    for net in ("cnn", "mlp"):
        path = os.path.join(folder, f"{net}.hlo")
        tenon("compile", f"{DIGITS}/{net}.batch.hlo", "--quantize=int8", "--calibrate", f"{DIGITS}/calibrate.npz", "-o", path,
              f"--target={TARGETS}/edge.target")
        for target in ("gemmini", "tpu-v1", "edge"):
            table = tenon("compile", path, f"--target={TARGETS}/{target}.target", "-o", os.path.join(folder, "x.tns"))
            check("100.00 % of the MACs on the array" in table, f"{net} on {target}:\n{table}")
            tenon("run", path, f"--target={TARGETS}/{target}.target", "--backend=eval,systolic", *EXACT, "--in",
                  f"{DIGITS}/batch.npz", "--out", os.path.join(folder, "out.npz"))


def sections_of_a_quantized_layer(folder):
    """Integers from the host's floats: every step of the array has the evaluator's bits on what it received."""
    with open(f"{ROOT}/test/text/systolic/transformer.hlo") as file:
        text = file.read().replace("bf16[", "f32[")
    model, samples, one = (os.path.join(folder, name) for name in ("layer.hlo", "samples.npz", "one.npz"))
    with open(model, "w") as file:
        file.write(text)
    r = random.Random(1)
    write_npz(samples, {"x": ([4, 24, 32], [r.uniform(-2, 2) for _ in range(4 * 24 * 32)])})
    write_npz(one, {"x": ([24, 32], [r.uniform(-2, 2) for _ in range(24 * 32)])})
    for target in ("gemmini", "tpu-v1", "edge"):
        said = json.loads(tenon("run", model, "--fill-elided=random:1", "--quantize=int8", "--calibrate", samples,
                                f"--target={TARGETS}/{target}.target", "--sections", "--json", "--in", one))
        bad = [s for s in said["sections"] if not (s["holds"] and s["exact"])]
        check(len(said["sections"]) >= 8 and not bad, f"{target}: {bad or said}")


def sections_of_a_sentence_encoder(folder):
    """Its softmax and norms run on the host in floats; what the array made of their bytes is the evaluator's."""
    said = tenon("run", f"{MINILM}/minilm.hlo", "--weights", f"{MINILM}/minilm.weights.npz", "--quantize=int8",
                 "--calibrate", f"{MINILM}/ids.npz", f"--target={TARGETS}/tpu-v1.target", "--backend=systolic",
                 "--sections", "--in", f"{MINILM}/cases/0.in.npz")
    match = re.search(r"(\d+) of (\d+) sections hold", said)
    check(match and match[1] == match[2] and int(match[1]) >= 48, said)


def write_model(folder):
    path = os.path.join(folder, "model.hlo")
    with open(path, "w") as file:
        file.write("HloModule model\nENTRY main {\n  x = s8[9,20] parameter(0)\n  w = s8[20,7] constant({...})\n"
                   "  d = s32[9,7] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}\n"
                   "  f = f32[9,7] convert(d)\n  ROOT e = f32[9,7] tanh(f)\n}\n")
    return [path, "--fill-elided=random:1", f"--target={TARGETS}/gemmini.target"]


def content(path):
    with open(path, "rb") as file:
        return file.read()


def same_input_same_bytes(folder):
    words, made = write_model(folder), []
    for name in ("a", "b"):
        os.mkdir(os.path.join(folder, name))
        out = os.path.join(folder, name, "x.tns")
        tenon("compile", *words, "-o", out)
        made.append((content(out), content(out[:-4] + ".host.so")))
    check(made[0] == made[1], "two compilations of one model differ")


def a_stream_gives_what_its_model_gives(folder):
    words, out, answers = write_model(folder), os.path.join(folder, "x.tns"), os.path.join(folder, "answers.npz")
    tenon("compile", *words, "-o", out)
    tenon("run", *words, "--backend=systolic", "--in", "random:4", "--out", answers)
    tenon("run", out, "--in", "random:4", "--expect", answers, *EXACT)


def both_files_or_none(folder):
    words = write_model(folder)
    out = os.path.join(folder, "x.tns")
    os.mkdir(out)  # where the stream cannot be written
    tenon("compile", *words, "-o", out, status=5)
    check(not os.path.exists(out[:-4] + ".host.so"), "a library is left of a compilation that failed")


def main():
    tests = [random_networks_on_random_arrays, wide_networks_in_small_memories, what_exporters_quantized,
             arrays_one_behind_the_other, same_input_same_bytes, a_stream_gives_what_its_model_gives, both_files_or_none,
             sections_of_a_quantized_layer]
    run_tests(tests + ([quantized_digits, sections_of_a_sentence_encoder] if SHARED else []))


if __name__ == "__main__":
    main()
