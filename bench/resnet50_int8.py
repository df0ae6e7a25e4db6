#!/usr/bin/env python3
"""ResNet-50 (He et al., CVPR 2016) as HLO of 8-bit integers, weights elided: for arrays.

    python3 bench/resnet50_int8.py --batch 4 > resnet50.hlo
    tenon sim resnet50.hlo --fill-elided=random:1 --target=examples/targets/gemmini.target

Convolutions are s8 x s8 -> s32, requantized with a scale and a bias for each channel; batch normalisation
is in them. Shortcuts are added in the same place. Stride 2 is in the 3x3 convolutions (v1.5).

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import argparse


class Module:
    def __init__(self, batch):
        self.batch, self.lines, self.count = batch, [], 0

    def add(self, text):
        self.count += 1
        name = f"v{self.count}"
        self.lines.append(f"  {name} = {text}")
        return name

    def scalar(self, value):
        return self.add(f"f32[] constant({value})")

    def channels(self, shape, value):
        c = self.add(f"f32[{shape[-1]}] constant({{{', '.join([str(value)] * shape[-1])}}})")
        return self.add(f"f32[{dims(shape)}] broadcast({c}), dimensions={{{len(shape) - 1}}}")

    def quantize(self, value, shape, low):
        clamped = self.add(f"f32[{dims(shape)}] clamp({self.scalar(low)}, {value}, {self.scalar(127)})")
        even = self.add(f"f32[{dims(shape)}] round-nearest-even({clamped})")
        return self.add(f"s8[{dims(shape)}] convert({even})")

    def requantize(self, sums, shape, scale, relu, other=None):
        f = self.add(f"f32[{dims(shape)}] convert({sums})")
        f = self.add(f"f32[{dims(shape)}] multiply({f}, {self.channels(shape, scale)})")
        f = self.add(f"f32[{dims(shape)}] add({f}, {self.channels(shape, 0.5)})")
        if other:
            o = self.add(f"f32[{dims(shape)}] convert({other})")
            f = self.add(f"f32[{dims(shape)}] add({f}, {o})")
        return self.quantize(f, shape, 0 if relu else -128)

    def convolution(self, x, size, channels, filters, window, stride, relu=True, other=None):
        pad, out = window // 2, (size + stride - 1) // stride
        w = self.add(f"s8[{window},{window},{channels},{filters}] constant({{...}})")
        shape = (self.batch, out, out, filters)
        sums = self.add(f"s32[{dims(shape)}] convolution({x}, {w}), window={{size={window}x{window} stride={stride}x{stride} "
                        f"pad={pad}_{(out - 1) * stride + window - size - pad}x{pad}_{(out - 1) * stride + window - size - pad}}}, "
                        "dim_labels=b01f_01io->b01f")
        return self.requantize(sums, shape, 0.01, relu, other), out


def dims(shape):
    return ",".join(map(str, shape))


def resnet50(batch):
    m = Module(batch)
    x = m.add(f"s8[{batch},224,224,3] parameter(0)")
    x, size = m.convolution(x, 224, 3, 64, 7, 2)
    low = m.add("s8[] constant(-128)")
    x = m.add(f"s8[{batch},56,56,64] reduce-window({x}, {low}), window={{size=1x3x3x1 stride=1x2x2x1 "
              "pad=0_0x1_0x1_0x0_0}, to_apply=larger")
    size, channels = 56, 64
    for filters, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            stride = 2 if block == 0 and filters > 64 else 1
            y, _ = m.convolution(x, size, channels, filters, 1, 1)
            y, out = m.convolution(y, size, filters, filters, 3, stride)
            if block == 0:
                x, _ = m.convolution(x, size, channels, 4 * filters, 1, stride, relu=False)
            x, _ = m.convolution(y, out, filters, 4 * filters, 1, 1, other=x)
            size, channels = out, 4 * filters
    wide = m.add(f"s32[{batch},7,7,2048] convert({x})")
    zero = m.add("s32[] constant(0)")
    sums = m.add(f"s32[{batch},2048] reduce({wide}, {zero}), dimensions={{1,2}}, to_apply=plus")
    mean = m.requantize(sums, (batch, 2048), 1 / 49, False)
    w = m.add("s8[2048,1000] constant({...})")
    m.add(f"s32[{batch},1000] dot({mean}, {w}), lhs_contracting_dims={{1}}, rhs_contracting_dims={{0}}")
    m.lines[-1] = "  ROOT" + m.lines[-1][1:]
    return ("HloModule resnet50\nlarger {\n  a = s8[] parameter(0)\n  b = s8[] parameter(1)\n  ROOT r = s8[] maximum(a, b)\n}\n"
            "plus {\n  a = s32[] parameter(0)\n  b = s32[] parameter(1)\n  ROOT r = s32[] add(a, b)\n}\n"
            "ENTRY resnet50 {\n" + "\n".join(m.lines) + "\n}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=4)
    print(resnet50(parser.parse_args().batch), end="")
