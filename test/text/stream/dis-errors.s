# Files that are no streams, or no longer.
#
# RUN: tenon asm %s -o %t.tns
# RUN: exits 3 tenon dis %s 2>&1 | FileCheck %s --check-prefix=MAGIC
# MAGIC: dis-errors.s: error: stream: byte 0: this is no instruction stream
# RUN: head -c 300 %t.tns > %t.cut; exits 3 tenon dis %t.cut 2>&1 | FileCheck %s --check-prefix=CUT
# CUT: t.cut: error: stream: byte 8: the stream has [[#]] bytes, the file 300
# RUN: (head -c 4 %t.tns; printf '\003'; tail -c +6 %t.tns) > %t.new; exits 3 tenon dis %t.new 2>&1 | FileCheck %s --check-prefix=NEW
# NEW: t.new: error: stream: byte 4: version 3; this is version 2
# RUN: (head -c 400 %t.tns; printf '\377'; tail -c +402 %t.tns) > %t.bad; exits 3 tenon dis %t.bad 2>&1 | FileCheck %s --check-prefix=BAD
# BAD: t.bad: error: stream: byte 16: the bytes are not those that the hash is of
# RUN: exits 5 tenon dis %t.nowhere 2>&1 | FileCheck %s --check-prefix=NOWHERE
# NOWHERE: t.nowhere: error: cannot open
# RUN: exits 2 tenon dis 2>&1 | FileCheck %s --check-prefix=NOTHING
# NOTHING: tenon: error:
# RUN: exits 6 tenon dis %t.tns --max-file-size=10 2>&1 | FileCheck %s --check-prefix=LIMIT
# LIMIT: error:

.tns 2
.name "n"
.target
  rows = 4
  columns = 4
.end
halt
