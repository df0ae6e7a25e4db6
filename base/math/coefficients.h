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
#define LN2_W_HI 0x1.62e42fefa38p-1
#define LN2_W_LO 0x1.ef35793c7673p-45
#define PI_2_B31_1 0x1.921fb544p+0
#define PI_2_B31_2 0x1.0b4611a626331p-34
#define PI_2_B38_1 0x1.921fb5444p+0
#define PI_2_B38_2 0x1.68c234c4c8p-39
#define PI_2_B38_3 -0x1.9d747f23e32edp-79
#define PI_4_W_HI 0x1.921fb54442d18p-1
#define PI_4_W_LO 0x1.1a62633145c07p-55
#define PI_2_W_HI 0x1.921fb54442d18p+0
#define PI_2_W_LO 0x1.1a62633145c07p-54
#define PI_W_HI 0x1.921fb54442d18p+1
#define PI_W_LO 0x1.1a62633145c07p-53
#define TWO_OVER_PI_D 0x1.45f306dc9c883p-1
/* 2/pi, 19 words of 64 bits after 39 zeros, most significant word first. */
#define TWO_OVER_PI_W 0x000000000145f306ul, 0xdc9c882a53f84eaful, 0xa3ea69bb81b6c52bul, \
  0x3278872083fca2c7ul, 0x57bd778ac36e48dcul, 0x74849ba5c00c925dul, \
  0xd413a32439fc3bd6ul, 0x3962534e7dd1046bul, 0xea5d768909d338e0ul, \
  0x4d68befc827323acul, 0x7306a673e93908bful, 0x177bf250763ff12ful, \
  0xffbc0b301fde5e23ul, 0x16b414da3eda6cfdul, 0x9e4f96136e9e8c7eul, \
  0xcd3cbfd45aea4f75ul, 0x8fd7cbe2f67a0e73ul, 0xef14a525d4d7f6bful, \
  0x623f1aba10ac0660ul
/* 2^-60.5 */
#define EXP_W 0x1p-1, 0x1.5555555555559p-3, 0x1.5555555555558p-5, \
  0x1.111111110f731p-7, 0x1.6c16c16c178acp-10, 0x1.a01a01af831c7p-13, \
  0x1.a01a019617f34p-16, 0x1.71ddf984bea52p-19, 0x1.27e50fc92d248p-22, \
  0x1.af5c8489e1d93p-26, 0x1.1f0fa1fea490fp-29
/* 2^-59.4 */
#define LOG_W 0x1.5555555555585p-1, 0x1.999999998320ep-2, 0x1.2492493f9cbd6p-2, \
  0x1.c71c53a314136p-3, 0x1.7465f5a4aeb89p-3, 0x1.39a84cae0c79p-3, \
  0x1.2ec99dfdb6239p-3
/* 2^-73.5 */
#define LOG_WW 0x1.9999999999996p-2, 0x1.2492492492f5p-2, 0x1.c71c71c596bc7p-3, \
  0x1.745d18293dae2p-3, 0x1.3b1364d04d361p-3, 0x1.11206e1b00365p-3, \
  0x1.de3d9c2b33b74p-4, 0x1.eac45738d75a5p-4
/* 2^-57.8 */
#define SIN_W -0x1.5555555555548p-3, 0x1.111111110f73p-7, -0x1.a01a019be91cfp-13, \
  0x1.71de355523393p-19, -0x1.ae5e4b91f7fe3p-26, 0x1.5d8b69730c907p-33
/* 2^-63.9 */
#define COS_W 0x1.555555555554bp-5, -0x1.6c16c16c15015p-10, 0x1.a01a019c8f23ep-16, \
  -0x1.27e4f7f18ed5ap-22, 0x1.1ee9dbcc37ab7p-29, -0x1.8fa682862ee39p-37
#define TAN_PI_8_D 0x1.a827999fcef32p-2
/* 2^-58.9 */
#define ATAN_W -0x1.5555555555552p-2, 0x1.9999999997f7ap-3, -0x1.249249237b053p-3, \
  0x1.c71c712a665bap-4, -0x1.745cff7bcd546p-4, 0x1.3b117fd9b07d8p-4, \
  -0x1.10efbb5d0ba2ap-4, 0x1.df42f95648c93p-5, -0x1.9da1dfb53553fp-5, \
  0x1.39ab7f6a52403p-5, -0x1.29038dd5aca89p-6
/* 2^-59.6 */
#define ASIN_W 0x1.5555555555559p-3, 0x1.33333333316d5p-4, 0x1.6db6db6fe7fafp-5, \
  0x1.f1c71b4d7b0c9p-6, 0x1.6e8bcc84a22f8p-6, 0x1.1c4b1e7c2d9aap-6, \
  0x1.ca055ab7648ep-7, 0x1.764db15a89773p-7, 0x1.5d1da8fb475bcp-7, \
  0x1.106c3d1df0035p-8, 0x1.52964e38809e4p-6, -0x1.40fdea98f3b35p-6, \
  0x1.0462d62dc611ep-5
#define ERF_SPLIT_W 0x1p+0
/* 2^-56.0 */
#define ERF_W 0x1.06eba8214db68p-3, -0x1.812746b0379a9p-2, 0x1.ce2f21a040748p-4, \
  -0x1.b82ce311f8dc9p-6, 0x1.565bccfaea464p-8, -0x1.c02db0b4b34b6p-11, \
  0x1.f9a2c90bb0518p-14, -0x1.f4cb4c149df5ap-17, 0x1.b98a7e1a06f09p-20, \
  -0x1.5c4bc74339723p-23, 0x1.d90390e731e4fp-27, -0x1.b176992e7b4ccp-31
/* 2^-58.4 */
#define ERFC_W -0x1.d97fbf27aa2a1p+0, -0x1.51c9b0006c244p+1, -0x1.afabc11a28a79p-1, \
  -0x1.5477f09cf23fbp-5, 0x1.48c9d4135337p-7, -0x1.033f69baf6fe1p-9, \
  0x1.f1b497e08e469p-13, 0x1.b8c66531cd916p-16, -0x1.c7762851f4bdfp-16, \
  0x1.41d972047afefp-17, -0x1.11f337bafd78cp-19, 0x1.120c43c71c9a6p-23, \
  0x1.cae00aedeb86dp-24, -0x1.e2fbee73b7e48p-25, 0x1.17cb91de6c75bp-26, \
  -0x1.b567524c99cc3p-29, 0x1.cb096f164ee32p-32, -0x1.257d5f5279d7ep-35, \
  0x1.59e009d0daacp-40
/* 2^-14.7 */
#define CBRT_W 0x1.fffb103310066p-1, -0x1.5336e33f773bcp-2, 0x1.a0627d643e454p-3, \
  -0x1.b5bcbdc653d56p-4, 0x1.d46582f76c587p-6
