# Text to bytes to text: the same text and the same bytes.
#
# RUN: tenon asm %s -o %t.tns
# RUN: tenon dis %t.tns -o %t.s; tenon asm %t.s | cmp - %t.tns
# RUN: tenon dis - < %t.tns | tenon asm - -o - | cmp - %t.tns
# RUN: tenon dis %t.tns | FileCheck %s
# RUN: tenon dis %t.tns --json | FileCheck %s --check-prefix=JSON

.tns 2
.name "a \"dot\""
# CHECK: .name "a \"dot\""
.target
  rows = 4     # the rest of the keys have defaults
  columns = 4
.end
# CHECK: clock_mhz = 1000
# CHECK: .end
.model cycles=100 total=120
.host bytes=128 macs=7 hash=0123456789abcdef0000000000000000
# CHECK: .host bytes=128 macs=7 hash=0123456789abcdef0000000000000000
.dram bytes=0x10
# CHECK: .dram bytes=16
.array "x" s8[4,4] at=0 bytes=16
.array "y" s32[] at=64 bytes=4
# CHECK: .array "x" s8[4,4] at=0x0 bytes=16  # 0
# CHECK: .array "y" s32[] at=0x40 bytes=4  # 1
.parameter 0
.result 1
.function "dot_host0_call" parameters=0,1
# CHECK: .function "dot_host0_call" parameters=0,1  # 0
.layer "dot # 1" macs=64 source="model.py:3"
# CHECK: .layer "dot # 1" macs=64 model_cycles=0 source="model.py:3"  # 0
.data 000102
.data 03
# CHECK: .data 00010203
layer layer=0
# CHECK: layer layer=0  # 0 "dot # 1"
read_host channel=0 from=0 to=0x10 bytes=4 rows=4 from_stride=4 to_stride=4
# CHECK: read_host channel=0 from=0x0 to=0x10 bytes=4 rows=4 from_stride=4 to_stride=4
read_weights type=s8 rows=4 columns=4 row_stride=4 column_stride=1 repeat=1
# CHECK: read_weights type=s8 from=0x0 rows=4 columns=4 row_stride=4 column_stride=1 repeat=1
view view=0 row_dims=1 column_dims=1 size=4,1,1,1,4,1,1,1 stride=4,0,0,0,1 offset=-1 limit=3 step=1
# CHECK: view view=0 row_dims=1 column_dims=1 size=4,1,1,1,4,1,1,1 stride=4,0,0,0,1 offset=-1 limit=3 step=1
  wait dma0=1   matmul base=0x10 rows=4 type=s8 dataflow=weight repeat=1 row_step=-4 accumulator=2
# CHECK: wait dma0=1 matmul dataflow=weight type=s8 base=0x10 rows=4 accumulator=2 repeat=1 row_step=-4
pipeline source=s32 result=s8 has_scale=1 has_clamp=1 low=-0 high=6.5 function=abs operand=maximum second_scale=0.1 rounds=1
# CHECK: pipeline source=s32 result=s8 has_scale=1 operand=maximum second_scale=0.1 has_clamp=1 low=-0 high=6.5 function=abs rounds=1
wait matrix=1 activate accumulator=2 rows=4 columns=4 to=0x40 row_stride=4 column_stride=1
wait dma0=2 vector=1 host_call function=0
# CHECK: wait dma0=2 vector=1 host_call function=0  # 7 "dot_host0_call"
halt
# JSON: "name": "a \"dot\"",
# JSON: "instructions": 9,
# JSON: "dram_bytes": 16,
# JSON: "matmul": 1,
