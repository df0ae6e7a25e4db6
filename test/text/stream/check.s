# The verifier, from the command.
#
# RUN: tenon asm %s -o %t.tns; tenon check %t.tns; tenon check %t.tns --json | FileCheck %s --check-prefix=JSON
# JSON: "target": "array"
# JSON: "halt": 1
# RUN: sed '/^halt/d' %s | tenon asm - -o %t.tns; exits 3 tenon check %t.tns 2>&1 | FileCheck %s --check-prefix=HALT
# HALT: t.tns: error: stream: does not end in halt
# RUN: sed 's/^nop/wait matrix=1 nop/' %s | tenon asm - -o %t.tns; exits 3 tenon check %t.tns 2>&1 | FileCheck %s --check-prefix=WAIT
# WAIT: t.tns: error: wait: for matrix=1, 0 of its instructions stand before it; instruction 0 at byte 0: wait matrix=1 nop

.tns 2
.name "n"
.target
  rows = 4
  columns = 4
.end
nop
halt
