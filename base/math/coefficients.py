#!/usr/bin/env python3
"""Derives every polynomial of base/math/math.c and prints base/math/coefficients.h.

    python3 base/math/coefficients.py > base/math/coefficients.h

Each polynomial is a minimax fit by Remez' exchange algorithm in 60 digits (mpmath). Its
coefficients are then rounded to the working precision one at a time, from the most
important one on; after each rounding the remaining ones are fitted again, so that they
make up for it. The comment on each line is the largest error that is left, as a power of
two of the weight that the fit was asked to respect (relative to the function's value).

mpmath is needed to run this, and nothing else: the header is kept with the sources.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import sys

from mpmath import (mp, mpf, matrix, lu_solve, log, exp, sqrt, erf, erfc, sin, cos, asin, atan, sinh, tanh, expm1, log1p,
                    pi, factorial)

mp.dps = 60
LN2 = log(mpf(2))


def value(coefficients, x):
    y = mpf(0)
    for c in reversed(coefficients):
        y = y * x + c
    return y


def solve(target, weight, fixed, free, points):
    """The free coefficients and the level e with target - p = +-e * weight at the points."""
    n = len(points)
    a, b = matrix(n, n), matrix(n, 1)
    k = len(fixed)
    for i, x in enumerate(points):
        for j in range(free):
            a[i, j] = x ** (k + j)
        a[i, n - 1] = (-1) ** i * weight(x)
        b[i] = target(x) - value(fixed, x)
    s = lu_solve(a, b)
    return fixed + [s[j] for j in range(free)]


def extrema(error, low, high, wanted, grid):
    """Alternating extrema of the error, the largest of each run of one sign."""
    xs = [low + (high - low) * (1 - cos(pi * i / grid)) / 2 for i in range(grid + 1)]
    es = [error(x) for x in xs]
    runs = []
    for i in range(len(xs)):
        if runs and (es[runs[-1]] > 0) == (es[i] > 0):
            if abs(es[i]) > abs(es[runs[-1]]):
                runs[-1] = i
        else:
            runs.append(i)
    while len(runs) > wanted:
        runs.pop(0 if abs(es[runs[0]]) < abs(es[runs[-1]]) else -1)
    return [xs[i] for i in runs], max(abs(e) for e in es)


def fit(target, weight, low, high, fixed, free, start=None):
    n = free + 1
    points = start or [low + (high - low) * (1 - cos(pi * (2 * i + 1) / (2 * n))) / 2 for i in range(n)]
    best, size = None, None
    for _ in range(14):
        c = solve(target, weight, fixed, free, points)
        found, top = extrema(lambda x: (target(x) - value(c, x)) / weight(x), low, high, n, 40 * n)
        if size is None or top < size:
            best, size = c, top
        if len(found) < n:
            break
        if max(abs(p - q) for p, q in zip(found, points)) < (high - low) * mpf(10) ** -3:
            break
        points = found
    return best, size


def rounded(c, bits):
    with mp.workprec(bits):
        return +mpf(c)


def literal(x, bits):
    """A hexadecimal float without trailing zeros."""
    fraction, exponent = float(x).hex().split("p")
    fraction = fraction.rstrip("0").rstrip(".") if "." in fraction else fraction
    return fraction + "p" + exponent + ("f" if bits == 24 else "")


def define(name, literals):
    """A macro for a list, three to a line."""
    lines = [", ".join(literals[i:i + 3]) for i in range(0, len(literals), 3)]
    print("#define %s %s" % (name, ", \\\n  ".join(lines)))


def polynomial(name, target, weight, low, high, degree, bits, fixed=()):
    low, high = mpf(low), mpf(high)
    done = [mpf(f) for f in fixed]
    while len(done) <= degree:
        c, size = fit(target, weight, low, high, done, degree + 1 - len(done))
        done.append(rounded(c[len(done)], bits))
    _, size = extrema(lambda x: (target(x) - value(done, x)) / weight(x), low, high, 1, 400)
    print("/* 2^%.1f */" % float(log(size, 2)))
    define(name, [literal(c, bits) for c in done])
    sys.stdout.flush()


def split(name, exact, bits, kept):
    """hi with few bits, so that small integers times hi are exact, and lo, the rest."""
    high = rounded(exact, kept)
    low = rounded(exact - high, bits)
    define(name + "_HI", [literal(high, bits)])
    define(name + "_LO", [literal(low, bits)])


def parts(name, exact, kept):
    """NAME_1, NAME_2, …: the first ones with few bits."""
    for i, bits in enumerate(kept):
        with mp.workprec(bits):
            part = +exact
        exact -= part
        define("%s_%d" % (name, i + 1), [literal(part, 53)])


def taylor_safe(function, series, near):
    """function away from 0, its series (which cancels nothing) near 0."""
    return lambda x: series(x) if abs(x) < near else function(x)


def power_series(coefficient, terms=12):
    cs = [coefficient(k) for k in range(terms)]
    return lambda x: value(cs, x)


def main():
    print("/* Printed by base/math/coefficients.py; do not edit.")
    print(" *")
    print(" * Lowest power first. The comment above each is its largest error, relative to the")
    print(" * function that base/math/math.c computes with it.")
    print(" *")
    print(" * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception")
    print(" */")
    print("/* clang-format off */")
    split("LN2_F", LN2, 24, 14)
    define("LOG2E_F", [literal(rounded(1 / LN2, 24), 24)])
    define("LN2_D", [literal(LN2, 53)])
    define("LOG2E_D", [literal(1 / LN2, 53)])
    define("PI_2_D", [literal(pi / 2, 53)])
    define("PI_D", [literal(pi, 53)])
    with mp.workdps(90):
        bits = int(mp.floor(2 / pi * mpf(2) ** 224))
    print("/* 2/pi, 224 bits, most significant word first. */")
    define("TWO_OVER_PI", ["0x%08xu" % ((bits >> (192 - 32 * i)) & 0xFFFFFFFF) for i in range(7)])

    near = mpf(10) ** -3
    reach = mpf("0.348")  # ln 2 / 2 and what an inexact quotient adds

    # e^r = 1 + r + r^2 q(r); the weight is that of e^r - 1, which is the stricter one.
    q = taylor_safe(lambda r: (expm1(r) - r) / r**2, power_series(lambda k: 1 / factorial(k + 2)), near)
    w = lambda r: abs(expm1(r)) / r**2 if abs(r) > mpf("0.02") else mpf(50)
    polynomial("EXP_F", q, w, -reach, reach, 4, 24)
    w = lambda r: exp(r) / max(r**2, mpf("0.01"))
    polynomial("EXP_D", q, w, -reach, reach, 5, 53)

    # log(1 + f) = f - f^2/2 + f^3 p(f)
    low, high = sqrt(mpf("0.5")) - 1 - mpf(2)**-20, sqrt(mpf(2)) - 1 + mpf(2)**-20
    p = taylor_safe(lambda f: (log1p(f) - f + f * f / 2) / f**3,
                    power_series(lambda k: mpf((-1) ** k) / (k + 3)), near)
    w = lambda f: abs(log1p(f) / f**3) if abs(f) > mpf("0.05") else 1 / mpf("0.0025")
    polynomial("LOG_F", p, w, low, high, 7, 24)

    # log(m) = s p(s^2), s = (m - 1) / (m + 1)
    z = (sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)
    p = taylor_safe(lambda y: log((1 + sqrt(y)) / (1 - sqrt(y))) / sqrt(y),
                    power_series(lambda k: mpf(2) / (2 * k + 1)), mpf(10) ** -6)
    polynomial("LOG_D", p, p, 0, z * z * (1 + mpf(2)**-18), 5, 53)

    # erf(x) = x + x p(x^2) below ERF_SPLIT, 1 - exp(q(x - ERF_SPLIT)) up to 4
    join = mpf("0.875")
    define("ERF_SPLIT_F", [literal(join, 24)])
    c = 2 / sqrt(pi)
    e = taylor_safe(lambda y: erf(sqrt(y)) / sqrt(y) - 1,
                    power_series(lambda k: c * (-1) ** k / (factorial(k) * (2 * k + 1)) - (1 if k == 0 else 0)),
                    mpf(10) ** -6)
    polynomial("ERF_F", e, lambda y: e(y) + 1, 0, join**2, 6, 24)
    low, high = join, mpf(4)
    middle = join
    # The error of the exponent counts by erfc / erf, and by what a float can hold.
    w = lambda t: max(erf(t + middle) / erfc(t + middle), mpf(1)) if t + middle < 4 else mpf(10) ** 8
    polynomial("ERFC_F", lambda t: log(erfc(t + middle)), w, low - middle, high - middle, 7, 24)

    # tanh(x) = x + x^3 p(x^2) below TANH_SPLIT
    join = mpf("0.375")
    define("TANH_SPLIT_F", [literal(join, 24)])
    p = taylor_safe(lambda y: (tanh(sqrt(y)) - sqrt(y)) / sqrt(y)**3,
                    power_series(lambda k: [mpf(-1) / 3, mpf(2) / 15, mpf(-17) / 315][k], 3), mpf(10) ** -7)
    w = lambda y: tanh(sqrt(y)) / sqrt(y)**3 if y > mpf("0.005") else mpf(200)
    polynomial("TANH_F", p, w, 0, join**2, 3, 24)

    # sine = r + r^3 p(r^2), cosine = 1 - r^2/2 + r^4 q(r^2)
    top = (pi / 4) ** 2 * (1 + mpf(2)**-16)
    p = taylor_safe(lambda y: (sin(sqrt(y)) - sqrt(y)) / sqrt(y)**3,
                    power_series(lambda k: mpf((-1) ** (k + 1)) / factorial(2 * k + 3)), mpf(10) ** -6)
    w = lambda y: sin(sqrt(y)) / sqrt(y)**3 if y > mpf("0.01") else mpf(100)
    polynomial("SIN_F", p, w, 0, top, 2, 24)
    polynomial("SIN_D", p, w, 0, top, 3, 53)
    p = taylor_safe(lambda y: (cos(sqrt(y)) - 1 + y / 2) / y**2,
                    power_series(lambda k: mpf((-1) ** k) / factorial(2 * k + 4)), mpf(10) ** -6)
    w = lambda y: cos(sqrt(y)) / y**2 if y > mpf("0.01") else mpf(10000)
    polynomial("COS_F", p, w, 0, top, 2, 24)
    polynomial("COS_D", p, w, 0, top, 3, 53)

    # atan(t) = t + t^3 p(t^2)
    p = taylor_safe(lambda y: (atan(sqrt(y)) - sqrt(y)) / sqrt(y)**3,
                    power_series(lambda k: mpf((-1) ** (k + 1)) / (2 * k + 3)), mpf(10) ** -6)
    w = lambda y: atan(sqrt(y)) / sqrt(y)**3 if y > mpf("0.01") else mpf(100)
    polynomial("ATAN_D", p, w, 0, 1, 9, 53)

    # sinh(x) = x + x^3 p(x^2) below 1
    p = taylor_safe(lambda y: (sinh(sqrt(y)) - sqrt(y)) / sqrt(y)**3,
                    power_series(lambda k: 1 / factorial(2 * k + 3)), mpf(10) ** -6)
    w = lambda y: sinh(sqrt(y)) / sqrt(y)**3 if y > mpf("0.01") else mpf(100)
    polynomial("SINH_D", p, w, 0, 1, 3, 53)

    doubles()


def words(name, text, value, count, bits):
    """The first `count` * `bits` bits after the point."""
    with mp.workdps(450):
        whole = int(mp.floor(value() * mpf(2) ** (count * bits)))
    print("/* %s, most significant word first. */" % text)
    form = "0x%%0%dx%s" % (bits // 4, "u" if bits == 32 else "ul")
    define(name, [form % ((whole >> (bits * (count - 1 - i))) & (2**bits - 1)) for i in range(count)])


def doubles():
    """What functions of f64 need, with f64's accuracy."""
    split("LN2_W", LN2, 53, 42)
    parts("PI_2_B31", pi / 2, (31, 53))
    parts("PI_2_B38", pi / 2, (38, 38, 53))
    for name, exact in (("PI_4_W", pi / 4), ("PI_2_W", pi / 2), ("PI_W", +pi)):
        split(name, exact, 53, 53)
    define("TWO_OVER_PI_D", [literal(2 / pi, 53)])
    words("TWO_OVER_PI_W", "2/pi, 19 words of 64 bits after 39 zeros", lambda: 2 / mp.pi / mpf(2) ** 39, 19, 64)

    near = mpf(10) ** -3
    reach = mpf("0.3468")
    q = taylor_safe(lambda r: (expm1(r) - r) / r**2, power_series(lambda k: 1 / factorial(k + 2), 20), near)
    w = lambda r: abs(expm1(r)) / r**2 if abs(r) > mpf("0.02") else mpf(50)
    polynomial("EXP_W", q, w, -reach, reach, 10, 53)

    # log((1 + s) / (1 - s)) = 2s + s^3 p(s^2); and with two terms kept apart
    z = ((sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)) ** 2 * (1 + mpf(2)**-30)
    series = lambda first: power_series(lambda k: mpf(2) / (2 * (k + first) + 1), 40)
    p, all_of = series(1), series(0)
    polynomial("LOG_W", p, lambda y: all_of(y) / y if y > mpf("0.0005") else mpf(4000), 0, z, 6, 53)
    p = series(2)
    polynomial("LOG_WW", p, lambda y: all_of(y) / y**2 if y > mpf("0.0005") else mpf(8000000), 0, z, 7, 53)

    top = (pi / 4) ** 2 * (1 + mpf(2)**-20)
    p = power_series(lambda k: mpf((-1) ** (k + 1)) / factorial(2 * k + 3), 24)
    polynomial("SIN_W", p, lambda y: sin(sqrt(y)) / sqrt(y)**3 if y > mpf("0.01") else mpf(100), 0, top, 5, 53)
    p = power_series(lambda k: mpf((-1) ** k) / factorial(2 * k + 4), 24)
    polynomial("COS_W", p, lambda y: cos(sqrt(y)) / y**2 if y > mpf("0.01") else mpf(10000), 0, top, 5, 53)

    # atan(t) = t + t^3 p(t^2) up to tan(pi/8)
    define("TAN_PI_8_D", [literal(sqrt(mpf(2)) - 1, 53)])
    p = taylor_safe(lambda y: (atan(sqrt(y)) - sqrt(y)) / sqrt(y)**3,
                    power_series(lambda k: mpf((-1) ** (k + 1)) / (2 * k + 3), 30), mpf("0.01"))
    w = lambda y: atan(sqrt(y)) / sqrt(y)**3 if y > mpf("0.01") else mpf(100)
    polynomial("ATAN_W", p, w, 0, (sqrt(mpf(2)) - 1) ** 2 * (1 + mpf(2)**-30), 10, 53)

    # asin(s) = s + s^3 p(s^2) up to 1/2
    series = power_series(lambda k: factorial(2 * k + 2) / (4 ** (k + 1) * factorial(k + 1) ** 2 * (2 * k + 3)), 30)
    p = taylor_safe(lambda y: (asin(sqrt(y)) - sqrt(y)) / sqrt(y)**3, series, mpf("0.01"))
    w = lambda y: asin(sqrt(y)) / sqrt(y)**3 if y > mpf("0.01") else mpf(100)
    polynomial("ASIN_W", p, w, 0, mpf("0.25"), 12, 53)

    # erf as for f32, up to where it is 1
    join = mpf("1")
    define("ERF_SPLIT_W", [literal(join, 53)])
    c = 2 / sqrt(pi)
    e = power_series(lambda k: c * (-1) ** k / (factorial(k) * (2 * k + 1)) - (1 if k == 0 else 0), 45)
    polynomial("ERF_W", e, lambda y: e(y) + 1, 0, join**2, 11, 53)
    w = lambda t: max(erf(t + join) / erfc(t + join), mpf(1))
    polynomial("ERFC_W", lambda t: log(erfc(t + join)), w, 0, mpf("5") - mpf(2)**-4, 18, 53)

    # m^(-1/3) on [1, 2], a start for iterations
    polynomial("CBRT_W", lambda t: (t + 1) ** (-1 / mpf(3)), lambda t: (t + 1) ** (-1 / mpf(3)), 0, 1, 4, 53)


main()
