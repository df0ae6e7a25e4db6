/* Printed by base/math/coefficients.py; do not edit.
 *
 * Lowest power first. The comment above each is its largest error, relative to the
 * function that base/math/math.c computes with it.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
/* clang-format off */
#define LN2_F_HI 0x1.62e8p-1f
#define LN2_F_LO -0x1.e8082ep-16f
#define LOG2E_F 0x1.715476p+0f
#define LN2_D 0x1.62e42fefa39efp-1
#define LOG2E_D 0x1.71547652b82fep+0
#define PI_2_D 0x1.921fb54442d18p+0
#define PI_D 0x1.921fb54442d18p+1
/* 2/pi, 224 bits, most significant word first. */
#define TWO_OVER_PI 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, \
  0xf534ddc0u, 0xdb629599u, 0x3c439041u, \
  0xfe5163abu
/* 2^-26.1 */
#define EXP_F 0x1.fffffep-2f, 0x1.5554a8p-3f, 0x1.555792p-5f, \
  0x1.122d94p-7f, 0x1.6ad676p-10f
/* 2^-33.0 */
#define EXP_D 0x1.00000031e6c47p-1, 0x1.55554ed697f44p-3, 0x1.55549c98d4e6dp-5, \
  0x1.111a56c1e25e5p-7, 0x1.6d7ffa02ea80dp-10, 0x1.9470915ab9788p-13
/* 2^-27.2 */
#define LOG_F 0x1.555554p-2f, -0x1.000228p-2f, 0x1.99a036p-3f, \
  -0x1.54721cp-3f, 0x1.22d592p-3f, -0x1.0d7ea8p-3f, \
  0x1.057a9ap-3f, -0x1.393da8p-4f
/* 2^-45.1 */
#define LOG_D 0x1.fffffffffff1p+0, 0x1.55555556731e5p-1, 0x1.99999628110d3p-2, \
  0x1.24943997eb9c3p-2, 0x1.c6207c60f6303p-3, 0x1.9198ec0287685p-3
#define ERF_SPLIT_F 0x1.cp-1f
/* 2^-30.1 */
#define ERF_F 0x1.06eba8p-3f, -0x1.812742p-2f, 0x1.ce2e0cp-4f, \
  -0x1.b81168p-6f, 0x1.54f226p-8f, -0x1.ac05a4p-11f, \
  0x1.63614ap-14f
/* 2^-26.4 */
#define ERFC_F -0x1.88672ep+0f, -0x1.37117ep+1f, -0x1.a72e2cp-1f, \
  -0x1.81222p-5f, 0x1.7f689cp-7f, -0x1.63fdbcp-9f, \
  0x1.4484ap-11f, -0x1.88456ap-14f
#define TANH_SPLIT_F 0x1.8p-2f
/* 2^-29.9 */
#define TANH_F -0x1.555548p-2f, 0x1.110994p-3f, -0x1.b785d2p-5f, \
  0x1.38eb3ep-6f
/* 2^-27.9 */
#define SIN_F -0x1.555546p-3f, 0x1.110778p-7f, -0x1.995404p-13f
/* 2^-37.5 */
#define SIN_D -0x1.5555554c71f42p-3, 0x1.1111086a5fb75p-7, -0x1.a00f7f15f40d8p-13, \
  0x1.6cd1eb503a7c4p-19
/* 2^-33.0 */
#define COS_F 0x1.55554ap-5f, -0x1.6c0c28p-10f, 0x1.99e808p-16f
/* 2^-42.9 */
#define COS_D 0x1.5555554ed960fp-5, -0x1.6c16b829f5d1ep-10, 0x1.a010debb941c9p-16, \
  -0x1.241e977158f1dp-22
/* 2^-31.1 */
#define ATAN_D -0x1.5555525fa8072p-2, 0x1.99983272840e1p-3, -0x1.24771f7654b9ap-3, \
  0x1.c51d2d78f4664p-4, -0x1.697c1a5b7d5a6p-4, 0x1.155fb02d26d04p-4, \
  -0x1.71644e7d89986p-5, 0x1.76a0970445ef3p-6, -0x1.e9396f27b592p-8, \
  0x1.2b68b95536a39p-10
/* 2^-34.2 */
#define SINH_D 0x1.5555551b399cfp-3, 0x1.111134fc8b80cp-7, 0x1.9ffe91c84a6dp-13, \
  0x1.7a15d3a5f292p-19
