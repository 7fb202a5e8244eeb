/* SPDX-License-Identifier: MIT */
/*
 * Mbed TLS without assembly, which the memory sanitizer can't see into.
 */
#undef MBEDTLS_AESCE_C
#undef MBEDTLS_AESNI_C
#undef MBEDTLS_HAVE_ASM
#undef MBEDTLS_PADLOCK_C
