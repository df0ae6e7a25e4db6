# What the assembler refuses, line by line.
#
# RUN: exits 3 tenon asm %s -o %t.tns 2>&1 | FileCheck %s
# RUN: exits 1 test -e %t.tns
# RUN: echo nop > %t.s; exits 3 tenon asm %t.s 2>&1 | FileCheck %s --check-prefix=VERSION
# VERSION: t.s:1:1: error: expected '.tns 2' before anything else
# RUN: echo .tns 3 > %t.s; exits 3 tenon asm %t.s 2>&1 | FileCheck %s --check-prefix=LATER
# LATER: t.s:1:1: error: .tns: version 3; this is version 2
# RUN: echo .tns 2 > %t.s; exits 3 tenon asm %t.s 2>&1 | FileCheck %s --check-prefix=NAME
# NAME: t.s: error: .name is missing
# RUN: printf '.tns 2\n.name "n"\n.target\nrows = 4\n' > %t.s; exits 3 tenon asm %t.s 2>&1 | FileCheck %s --check-prefix=END
# END: t.s:3:1: error: .target: there is no .end
# RUN: printf '.tns 2\n.name "n"\n.target\nrows = 4\ncolumn = 4\n.end\n' > %t.s; exits 3 tenon asm %t.s 2>&1 | FileCheck %s --check-prefix=KEY
# KEY: t.s:5:1: error: unknown key 'column'; did you mean 'columns'?

.tns 2
.names "x"
# CHECK: asm-errors.s:[[@LINE-1]]:1: error: unknown directive '.names'; did you mean '.name'?
.name dot
# CHECK: :[[@LINE-1]]:7: error: .name: expected a name in quotes
.name "dot"
# CHECK: :[[@LINE-1]]:1: error: .name is given twice
.layer "a\n"
# CHECK: :[[@LINE-1]]:10: error: .layer: only \", \\ and \x01 to \xff may stand in quotes
.layer "a
# CHECK: :[[@LINE-1]]:8: error: .layer: the quotes do not end
.layer "a" mac=1
# CHECK: :[[@LINE-1]]:12: error: .layer: unexpected 'mac'
.layer "a" macs=1 macs=1
# CHECK: :[[@LINE-1]]:19: error: .layer: macs is given twice
.layer "a" macs=18446744073709551616
# CHECK: :[[@LINE-1]]:17: error: macs: '18446744073709551616' is not a number up to 18446744073709551615
.array "x" s8[4,] at=0
# CHECK: :[[@LINE-1]]:12: error: .array: 's8[4,]' is not a shape
.function "f" parameters=0,,1
# CHECK: :[[@LINE-1]]:28: error: parameters: expected numbers with commas between them
.host hash=12
# CHECK: :[[@LINE-1]]:12: error: hash: '12' is not 32 hexadecimal digits
.data 012
# CHECK: :[[@LINE-1]]:7: error: .data: 3 hexadecimal digits; a byte has two
.parameter x
# CHECK: :[[@LINE-1]]:12: error: .parameter: 'x' is not a number up to 4294967295
