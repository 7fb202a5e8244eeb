/* SPDX-License-Identifier: MIT */
/*
 * Whether AES-GCM is the fastest cipher here: only in a build of Mbed TLS whose
 * code for it uses vectors, which ours says of itself, and on a processor with
 * the instructions.  Nothing else may stand here: a program that defines this
 * function itself is not given this file.
 */
#include "codec/tls-config.h"

bool gcn__tls_aes_is_fast(void) {
#if defined(GCN_MBEDTLS_FAST_AES)
  return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#else
  return false;
#endif
}
