# What the assembler refuses of instructions.
#
# RUN: exits 3 tenon asm %s -o %t.tns 2>&1 | FileCheck %s

.tns 2
.name "n"
.target
  rows = 4
  columns = 4
.end
matmull rows=4
# CHECK: :[[@LINE-1]]:1: error: unknown instruction 'matmull'; did you mean 'matmul'?
matmul row_stepp=4
# CHECK: :[[@LINE-1]]:8: error: unknown field 'row_stepp'; did you mean 'row_step'?
matmul rows=4 rows=4
# CHECK: :[[@LINE-1]]:15: error: matmul: rows is given twice
matmul rows
# CHECK: :[[@LINE-1]]:8: error: matmul: expected FIELD=VALUE
matmul rows=-1
# CHECK: :[[@LINE-1]]:13: error: rows: '-1' is not a number of type u32
matmul view=256
# CHECK: :[[@LINE-1]]:13: error: view: '256' is not a number of type u8
matmul row_step=-2147483649
# CHECK: :[[@LINE-1]]:17: error: row_step: '-2147483649' is not a number of type s32
matmul type=s88
# CHECK: :[[@LINE-1]]:13: error: unknown type 's88'; did you mean 's8'?
view size=1,2,3,4,5,6,7,8,9
# CHECK: :[[@LINE-1]]:27: error: size: more than 8 values
wait dma4=1 nop
# CHECK: :[[@LINE-1]]:6: error: unknown unit 'dma4'; did you mean 'dma0'?
wait dma0=1 dma0=2 nop
# CHECK: :[[@LINE-1]]:13: error: wait: dma0 is given twice
wait nop
# CHECK: :[[@LINE-1]]:6: error: wait: expected UNIT=COUNT
wait vector=1
# CHECK: :[[@LINE-1]]:14: error: expected an instruction
