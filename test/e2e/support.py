"""What the end-to-end scripts share: running commands, .npz files without NumPy, and the
lines that test/run.py counts.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import array
import io
import os
import re
import struct
import subprocess
import tempfile
import traceback
import zipfile

ROOT = os.environ.get("TENON_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TENON = os.environ.get("TENON", "tenon")
BUILD = os.environ.get("TENON_BUILD", os.path.join(ROOT, "build"))
SHARED = os.environ.get("TENON_SHARED")
SANITIZED = bool(os.environ.get("TENON_SANITIZED"))


class Failure(Exception):
    """What a test found; its text is printed."""


def run(*words, status=0, cwd=None, env=None):
    """Standard output of a command that must end with `status`."""
    done = subprocess.run([str(word) for word in words], cwd=cwd, env=dict(os.environ, **(env or {})),
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
    if done.returncode != status:
        raise Failure(f"status {done.returncode}, not {status}: {' '.join(map(str, words))}\n"
                      + (done.stdout + done.stderr).decode("utf-8", "replace")[-3000:])
    return done.stdout.decode("utf-8", "replace")


def tenon(*words, **options):
    return run(TENON, *words, **options)


def check(condition, message):
    if not condition:
        raise Failure(message)


def run_tests(tests):
    """Each function of `tests` in a fresh folder, which is its argument."""
    for test in tests:
        name = test.__name__.replace("_", " ")
        try:
            with tempfile.TemporaryDirectory(prefix="tenon-e2e-") as folder:
                test(folder)
            print(f"ok {name}")
        except Failure as failure:
            print(f"not ok {name}\n{failure}")
        except Exception:  # a test must not end the others
            print(f"not ok {name}\n{traceback.format_exc()}")


# ---- arrays: (dims, values) of f32, enough for these tests ----

def npy_bytes(dims, values):
    shape = "(" + "".join(f"{d}, " for d in dims).rstrip() + ")"
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + array.array("f", values).tobytes()


def write_npz(path, arrays, deflate=False):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED) as archive:
        for name, (dims, values) in arrays.items():
            archive.writestr(name + ".npy", npy_bytes(dims, values))


def parse_npy(data):
    length = struct.unpack("<H", data[8:10])[0]
    header = data[10:10 + length].decode()
    check("'<f4'" in header, f"not f32: {header}")
    dims = [int(d) for d in re.search(r"'shape': \(([^)]*)\)", header)[1].replace(",", " ").split()]
    values = array.array("f")
    values.frombytes(data[10 + length:])
    return dims, list(values)


def read_npz(path):
    with zipfile.ZipFile(path) as archive:
        check(archive.testzip() is None, f"{path}: a checksum is wrong")
        return {name[:-4]: parse_npy(archive.read(name)) for name in archive.namelist()}


def read_npy(path):
    with open(path, "rb") as file:
        return parse_npy(io.BytesIO(file.read()).getvalue())
